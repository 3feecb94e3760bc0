package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// Responses is the path of requests for responses.
const Responses Kind = "/v1/responses"

// ResponseRequest is a request for a response: a request for a chat of what Input has, and more.
type ResponseRequest struct {
	*Request            // of kind ChatCompletions, with the input's messages
	Instructions string // a system message before all others; "": none
	Previous     string // the response that this one goes on from; "": none
	Store        bool   // it is kept, to go on from
	Settings     ResponseSettings
}

// ResponseSettings are what a response repeats of its request: JSON as it was there, or what is so if nothing was said.
type ResponseSettings struct {
	Instructions      json.RawMessage `json:"instructions"`
	MaxOutputTokens   json.RawMessage `json:"max_output_tokens"`
	Metadata          json.RawMessage `json:"metadata"`
	ParallelToolCalls json.RawMessage `json:"parallel_tool_calls"`
	Previous          json.RawMessage `json:"previous_response_id"`
	Reasoning         json.RawMessage `json:"reasoning"`
	Store             json.RawMessage `json:"store"`
	Temperature       json.RawMessage `json:"temperature"`
	Text              json.RawMessage `json:"text"`
	ToolChoice        json.RawMessage `json:"tool_choice"`
	Tools             json.RawMessage `json:"tools"`
	TopLogProbs       json.RawMessage `json:"top_logprobs"`
	TopP              json.RawMessage `json:"top_p"`
	Truncation        json.RawMessage `json:"truncation"`
	User              json.RawMessage `json:"user"`
}

// complete sets what was not said.
func (s *ResponseSettings) complete() {
	for _, d := range []struct {
		of    *json.RawMessage
		value string
	}{
		{&s.Instructions, "null"}, {&s.MaxOutputTokens, "null"}, {&s.Metadata, "{}"}, {&s.ParallelToolCalls, "true"}, {&s.Previous, "null"},
		{&s.Reasoning, `{"effort":null,"summary":null}`}, {&s.Store, "true"}, {&s.Temperature, "1"}, {&s.Text, `{"format":{"type":"text"}}`},
		{&s.ToolChoice, `"auto"`}, {&s.Tools, "[]"}, {&s.TopLogProbs, "0"}, {&s.TopP, "1"}, {&s.Truncation, `"disabled"`}, {&s.User, "null"},
	} {
		if *d.of = present(*d.of); *d.of == nil {
			*d.of = json.RawMessage(d.value)
		}
	}
}

// responseFields are those of a request for a response. What is an object with an order, or no member of Request, readResponse reads.
var responseFields = served(with(map[string]field{
	"input":                setInput,
	"instructions":         harmless,
	"previous_response_id": harmless,
	"reasoning":            harmless,
	"text":                 harmless,
	"tools":                harmless,
	"tool_choice":          harmless,
	"parallel_tool_calls":  harmless,
	"chat_template_kwargs": harmless,
	"max_tool_calls":       harmless, // of tools that the server has
	"max_output_tokens":    setMaxTokens,
	"top_logprobs":         func(r *Request, v any) error { return setCount(&r.TopLogProbs, v, 0, maxTopLogProbs) },
	"truncation":           only("disabled"),
	"background":           only(false),
	"conversation":         only(),
	"prompt":               only(),
}), map[string]field{
	"n":               only(json.Number("1")),
	"stream_options":  harmless,
	"response_format": only(), // here it is text.format
	"grammar":         only(),
	"include":         setInclude,
})

// setInclude reads what else the response is to have. Reasoning that is not encrypted has nothing encrypted.
func setInclude(r *Request, v any) error {
	list, ok := v.([]any)
	if !ok {
		return errors.New("a list is expected")
	}
	for i, item := range list {
		switch item {
		case "message.output_text.logprobs":
			r.LogProbs = true
		case "reasoning.encrypted_content":
		default:
			return within(fmt.Sprintf("[%d]", i), fmt.Errorf("%s is %w", short(item), errUnsupported))
		}
	}
	return nil
}

// ParseResponse reads the body of a request for a response. Fields that the API does not have are passed over, unless one that it has is
// meant, in another case.
func ParseResponse(body []byte) (*ResponseRequest, *Error) {
	r, err := parse(Responses, body, responseFields, passOver(responseFields))
	if err != nil {
		return nil, err
	}
	if r.TopLogProbs > 0 && !r.LogProbs {
		return nil, Invalid("top_logprobs", CodeInvalid, "top_logprobs: it goes with message.output_text.logprobs in include")
	}
	r.Kind = ChatCompletions
	q := &ResponseRequest{Request: r, Store: true}
	if err := q.read(body); err != nil {
		return nil, err
	}
	return q, nil
}

// read reads the body again: the members of a schema have an order.
func (q *ResponseRequest) read(body []byte) *Error {
	var in struct {
		Instructions *string `json:"instructions"`
		Previous     *string `json:"previous_response_id"`
		Store        *bool   `json:"store"`
		Parallel     *bool   `json:"parallel_tool_calls"`
		Reasoning    *struct {
			Effort *string `json:"effort"`
		} `json:"reasoning"`
		Text *struct {
			Format    *responseFormat `json:"format"`
			Verbosity *string         `json:"verbosity"`
		} `json:"text"`
		Tools []struct {
			Type        string          `json:"type"`
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parameters"`
			Strict      bool            `json:"strict"`
		} `json:"tools"`
		Choice    json.RawMessage `json:"tool_choice"`
		Variables json.RawMessage `json:"chat_template_kwargs"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if err := decode(body, &q.Settings); err != nil {
		return err
	}
	q.Settings.complete()
	if in.Instructions != nil {
		q.Instructions = *in.Instructions
	}
	if in.Previous != nil {
		q.Previous = *in.Previous
	}
	if in.Store != nil {
		q.Store = *in.Store
	}
	if in.Text != nil {
		if v := in.Text.Verbosity; v != nil && *v != "medium" {
			return Invalid("text.verbosity", CodeUnsupported, "text.verbosity: %.40q is %v, only medium", *v, errUnsupported)
		}
		if err := q.setFormat(in.Text.Format); err != nil {
			return err
		}
	}
	for i, t := range in.Tools {
		if t.Type != "function" {
			at := fmt.Sprintf("tools[%d].type", i)
			return Invalid(at, CodeUnsupported, "%s: %.40q is %v: function", at, t.Type, errUnsupported)
		}
		q.Tools = append(q.Tools, Tool{t.Name, t.Description, present(t.Parameters), t.Strict})
	}
	if err := q.setResponseChoice(present(in.Choice)); err != nil {
		return inField("tool_choice", err)
	}
	q.SingleCall = in.Parallel != nil && !*in.Parallel
	if in.Reasoning != nil && in.Reasoning.Effort != nil {
		if err := q.setEffort("reasoning.effort", *in.Reasoning.Effort); err != nil {
			return err
		}
	}
	if err := q.setVariables(in.Variables); err != nil {
		return err
	}
	return q.CheckTools()
}

type responseFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

// setFormat reads what form the text is to have.
func (q *ResponseRequest) setFormat(f *responseFormat) *Error {
	switch {
	case f == nil || f.Type == "text":
	case f.Type == "json_object":
		q.AnyObject = true
	case f.Type != "json_schema":
		return Invalid("text.format.type", CodeUnsupported, "text.format.type: %.40q is %v, only text, json_object and json_schema", f.Type, errUnsupported)
	case present(f.Schema) == nil:
		return Invalid("text.format.schema", CodeMissing, "text.format.schema is missing")
	default:
		q.Schema = f.Schema
	}
	return nil
}

// setResponseChoice reads what is to be called.
func (q *ResponseRequest) setResponseChoice(v json.RawMessage) error {
	var named struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	if v != nil && v[0] == '{' {
		if err := strictjson.UnmarshalOpen(v, &named, nil); err != nil {
			return err
		}
	}
	if named.Type != "function" {
		return q.setChoice(v) // a word, or what is refused
	}
	q.ToolChoice = ToolChoice{CallNamed, named.Name}
	return nil
}

// setEffort reads how much is thought before an answer, which a field says.
func (r *Request) setEffort(field, effort string) *Error {
	if r.ReasoningEffort = effort; !slices.Contains(efforts, effort) {
		return Invalid(field, CodeInvalid, "%s: %.40q is none of %s", field, effort, strings.Join(efforts, ", "))
	}
	return nil
}

// setVariables reads what else the chat template is told.
func (r *Request) setVariables(v json.RawMessage) *Error {
	if r.Variables = present(v); r.Variables != nil && r.Variables[0] != '{' {
		return Invalid("chat_template_kwargs", CodeInvalid, "chat_template_kwargs: an object is expected")
	}
	return nil
}
