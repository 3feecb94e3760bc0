package anthropic

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// Messages is the path of requests for a message; that of requests to count their tokens follows.
const (
	Messages    = "/v1/messages"
	CountTokens = Messages + "/count_tokens"
)

// Bounds of a request.
const (
	maxTokens = 1 << 28 // no model has a longer context
	maxStop   = 64      // texts that may end an answer
	maxCallID = 256     // bytes
)

// errJSON reports a body that is no object of JSON, or does not mean one thing.
var errJSON = errors.New("the body is not valid JSON")

// request is a request in the API's form.
type request struct {
	Model     *string         `json:"model"`
	Messages  []message       `json:"messages"`
	System    json.RawMessage `json:"system"`
	MaxTokens *int            `json:"max_tokens"`
	Stop      []string        `json:"stop_sequences"`
	Stream    *bool           `json:"stream"`

	Temperature *float32 `json:"temperature"`
	TopP        *float32 `json:"top_p"`
	TopK        *int     `json:"top_k"`
	Seed        *int64   `json:"seed"` // an extension

	Tools      []tool      `json:"tools"`
	ToolChoice *toolChoice `json:"tool_choice"`

	Thinking *struct {
		Type string `json:"type"`
	} `json:"thinking"`
	Format *format `json:"output_format"`
	Output *struct {
		Format *format `json:"format"`
		Effort *string `json:"effort"`
	} `json:"output_config"`

	// What is not done.

	Container json.RawMessage `json:"container"`
	Servers   []any           `json:"mcp_servers"`
	Context   json.RawMessage `json:"context_management"`
}

type tool struct {
	Type        *string         `json:"type"`
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	Schema      json.RawMessage `json:"input_schema"`
	Strict      *bool           `json:"strict"`
}

type toolChoice struct {
	Type   string  `json:"type"`
	Name   *string `json:"name"`
	Single *bool   `json:"disable_parallel_tool_use"`
}

type format struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// Parse reads the body of a request for a message, or, if it is only to be counted, one that need not say how long the answer may be. What it
// returns is a request of kind openai.ChatCompletions.
func Parse(body []byte, counted bool) (*openai.Request, *openai.Error) {
	var in request
	if err := strictjson.UnmarshalOpen(body, &in, errJSON); err != nil {
		return nil, openai.Invalid("", "", "%v", err)
	}
	r := &openai.Request{Kind: openai.ChatCompletions, N: 1, Temperature: 1, TopP: 1, Stop: in.Stop}
	if in.Model == nil || *in.Model == "" {
		return nil, missing("model")
	}
	r.Model = *in.Model
	if in.MaxTokens == nil && !counted {
		return nil, missing("max_tokens")
	}
	for _, set := range []func(*openai.Request) error{in.setBounds, in.setConversation, in.setTools, in.setThinking, in.setFormat} {
		if err := set(r); err != nil {
			return nil, refusal(err)
		}
	}
	return r, r.CheckTools()
}

// wrong is an error in a field.
type wrong struct {
	field string
	code  string
	text  string
}

func (w *wrong) Error() string { return w.text }

func invalid(field, format string, args ...any) error {
	return &wrong{field, openai.CodeInvalid, fmt.Sprintf(format, args...)}
}

func unsupported(field, format string, args ...any) error {
	return &wrong{field, openai.CodeUnsupported, fmt.Sprintf(format, args...) + " is not supported"}
}

func missing(field string) *openai.Error {
	return openai.Invalid(field, openai.CodeMissing, "%s: it is missing", field)
}

func refusal(err error) *openai.Error {
	w := new(wrong)
	errors.As(err, &w) // all are
	return openai.Invalid(w.field, w.code, "%s: %s", w.field, w.text)
}

// given tells JSON that says something.
func given(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

// setBounds sets numbers, and refuses what is not done.
func (in *request) setBounds(r *openai.Request) error {
	if in.MaxTokens != nil {
		if r.MaxTokens = *in.MaxTokens; r.MaxTokens < 1 || r.MaxTokens > maxTokens {
			return invalid("max_tokens", "%d found, a number in 1..%d expected", r.MaxTokens, maxTokens)
		}
	}
	if len(in.Stop) > maxStop {
		return invalid("stop_sequences", "%d texts found, at most %d expected", len(in.Stop), maxStop)
	}
	if slices.Contains(in.Stop, "") {
		return invalid("stop_sequences", "a text that is not empty is expected")
	}
	for _, n := range []struct {
		name string
		from *float32
		to   *float32
	}{{"temperature", in.Temperature, &r.Temperature}, {"top_p", in.TopP, &r.TopP}} {
		if n.from == nil {
			continue
		}
		if *n.to = *n.from; !(*n.to >= 0 && *n.to <= 1) {
			return invalid(n.name, "%v found, a number in 0..1 expected", *n.to)
		}
	}
	if in.TopK != nil {
		if r.TopK = *in.TopK; r.TopK < 0 || r.TopK > maxTokens {
			return invalid("top_k", "%d found, a number in 0..%d expected", r.TopK, maxTokens)
		}
	}
	if in.Seed != nil {
		r.Seed, r.Seeded = *in.Seed, true
	}
	r.Stream = in.Stream != nil && *in.Stream
	switch {
	case given(in.Container):
		return unsupported("container", "it")
	case len(in.Servers) > 0:
		return unsupported("mcp_servers", "it")
	case given(in.Context):
		return unsupported("context_management", "it")
	}
	return nil
}

// setTools sets the functions that may be called.
func (in *request) setTools(r *openai.Request) error {
	for i, t := range in.Tools {
		if t.Type != nil && *t.Type != "custom" {
			return unsupported(fmt.Sprintf("tools[%d].type", i), "%.40q", *t.Type)
		}
		f := openai.Tool{Name: t.Name, Strict: t.Strict != nil && *t.Strict}
		if t.Description != nil {
			f.Description = *t.Description
		}
		if given(t.Schema) {
			f.Parameters = t.Schema
		}
		r.Tools = append(r.Tools, f)
	}
	if in.ToolChoice == nil {
		return nil
	}
	c := in.ToolChoice
	modes := map[string]openai.ToolMode{"auto": openai.CallAuto, "any": openai.CallRequired, "tool": openai.CallNamed, "none": openai.CallNone}
	mode, ok := modes[c.Type]
	if !ok {
		return invalid("tool_choice.type", "%.40q is none of auto, any, tool, none", c.Type)
	}
	r.ToolChoice.Mode = mode
	if mode == openai.CallNamed {
		if c.Name == nil {
			return invalid("tool_choice.name", "it is missing")
		}
		r.ToolChoice.Name = *c.Name
	}
	r.SingleCall = c.Single != nil && *c.Single
	return nil
}

// setThinking tells the chat template whether there is to be thought before the answer; how much is the model's affair.
func (in *request) setThinking(r *openai.Request) error {
	if in.Output != nil && in.Output.Effort != nil {
		switch effort := *in.Output.Effort; effort {
		case "low", "medium", "high":
			r.ReasoningEffort = effort
		default:
			return invalid("output_config.effort", "%.40q is none of low, medium, high", effort)
		}
	}
	if in.Thinking == nil {
		return nil
	}
	switch in.Thinking.Type {
	case "disabled":
		r.Variables = json.RawMessage(`{"enable_thinking": false}`)
	case "enabled", "adaptive":
		r.Variables = json.RawMessage(`{"enable_thinking": true}`)
	default:
		return invalid("thinking.type", "%.40q is none of enabled, disabled, adaptive", in.Thinking.Type)
	}
	return nil
}

// setFormat sets what form the answer is to have.
func (in *request) setFormat(r *openai.Request) error {
	f, field := in.Format, "output_format"
	if in.Output != nil && in.Output.Format != nil {
		f, field = in.Output.Format, "output_config.format"
	}
	switch {
	case f == nil:
	case f.Type != "json_schema":
		return unsupported(field+".type", "%.40q", f.Type)
	case !given(f.Schema):
		return invalid(field+".schema", "it is missing")
	default:
		r.Schema = f.Schema
	}
	return nil
}

// isText tells a JSON string.
func isText(v json.RawMessage) bool { return strings.HasPrefix(string(v), `"`) }
