package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// Kind is what is asked for.
type Kind string

// The kinds of requests are the paths that they are sent to.
const (
	ChatCompletions Kind = "/v1/chat/completions"
	Completions     Kind = "/v1/completions"
)

// Request is a request for a text.
type Request struct {
	Kind      Kind
	Model     string
	Messages  []Message // of ChatCompletions
	Prompt    string    // of Completions, or
	PromptIDs []int     // the same as tokens
	Parts     []Part    // of LlamaCompletions
	MaxTokens int       // 0: none was said
	Stop      []string
	// Temperature and TopP are 1 unless the request says otherwise, Seed 0.
	Temperature, TopP float32
	Seed              int64

	// What follows only ParseServed reads.

	N                                 int  // answers, at least 1
	Seeded                            bool // Seed was said
	Stream, IncludeUsage              bool
	LogProbs                          bool
	TopLogProbs                       int
	LogitBias                         map[int]float32 // by tokens
	PresencePenalty, FrequencyPenalty float32
	TopK                              int     // 0: all; an extension that llama.cpp and others have, as the next two
	MinP                              float32 // 0: all
	RepeatPenalty                     float32 // 0 or 1: none
	RepeatLast                        int     // of how many tokens; 0: as the server has it
	IgnoreEnd                         bool    // the text ends by its length or a text of Stop alone

	ReturnTokens bool // of LlamaCompletions: the answer has its tokens, too

	// The form that the answer is to have: at most one of them.

	AnyObject bool            // a JSON object
	Schema    json.RawMessage // a value that the JSON schema is true of; nil: none
	Grammar   string          // a text of a grammar in GBNF, an extension of llama.cpp's; "": none

	// Of ChatCompletions.

	Tools           []Tool
	ToolChoice      ToolChoice
	SingleCall      bool            // at most one call: parallel_tool_calls is false
	ReasoningEffort string          // "": none was said
	Variables       json.RawMessage // an object of what else the chat template is told (chat_template_kwargs, an extension); nil: nothing
}

// DefaultMaxTokens is how many tokens a completion has at most that does not say; that of
// a chat goes on to its end.
const DefaultMaxTokens = 16

// errJSON reports a body that is no object of JSON, or does not mean one thing.
var errJSON = errors.New("the body is not valid JSON")

// Parse reads the body of a request in a batch, which has one answer, without a stream.
func Parse(kind Kind, body []byte) (*Request, *Error) {
	fields, ok := fieldsOf[kind]
	if !ok {
		return nil, Invalid("url", CodeUnsupported, "url: %.60q is not supported, only %s and %s", kind, ChatCompletions, Completions)
	}
	return parse(kind, body, fields, func(name string) *Error { return Invalid(name, CodeUnknown, "unknown parameter %.60q", name) })
}

// ParseServed reads the body of a request to a server, with all that a stream and several answers need. Fields that the API
// does not have are passed over, as clients of other servers send them, unless one that it has is meant, in another case.
func ParseServed(kind Kind, body []byte) (*Request, *Error) {
	r, err := parse(kind, body, servedFields[kind], passOver(servedFields[kind]))
	if err == nil {
		err = r.readFormat(body)
	}
	if err == nil && kind == ChatCompletions {
		err = r.readTools(body)
	}
	if err == nil {
		err = r.checkRecent()
	}
	if err == nil && r.TopLogProbs > 0 && !r.LogProbs {
		err = Invalid("top_logprobs", CodeInvalid, "top_logprobs: it goes with logprobs")
	}
	if err == nil && r.IncludeUsage && !r.Stream {
		err = Invalid("stream_options", CodeInvalid, "stream_options: it goes with stream")
	}
	return r, err
}

// ParseConversation reads what a body says to a chat template: that of a served request for a chat, which may name no model.
func ParseConversation(body []byte) (*Request, *Error) {
	r, err := read(ChatCompletions, body, servedFields[ChatCompletions], passOver(servedFields[ChatCompletions]))
	if err == nil && r.Messages == nil {
		err = Invalid("messages", CodeMissing, "messages are missing")
	}
	if err == nil {
		err = r.readTools(body)
	}
	return r, err
}

// parse reads a body by a table of fields, and refuses what lacks something.
func parse(kind Kind, body []byte, fields map[string]field, unknown func(name string) *Error) (*Request, *Error) {
	r, err := read(kind, body, fields, unknown)
	if err == nil {
		err = r.check()
	}
	return r, err
}

// read reads a body by a table of fields.
func read(kind Kind, body []byte, fields map[string]field, unknown func(name string) *Error) (*Request, *Error) {
	r := &Request{Kind: kind, Temperature: 1, TopP: 1, N: 1}
	if err := r.read(body, fields, unknown); err != nil {
		return nil, err
	}
	return r, nil
}

// read sets what a body says.
func (r *Request) read(body []byte, fields map[string]field, unknown func(name string) *Error) *Error {
	d := strictjson.NewDecoder(body, errJSON)
	v, err := d.Value()
	if err == nil {
		err = d.Finish()
	}
	object, isObject := v.(map[string]any)
	if err == nil && !isObject {
		err = fmt.Errorf("it is not an object: %w", errJSON)
	}
	if err != nil {
		return Invalid("", "", "%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		v := object[name]
		field, known := fields[name]
		switch {
		case !known:
			if err := unknown(name); err != nil {
				return err
			}
		case v == nil:
		default:
			if err := field(r, v); err != nil {
				return inField(name, err)
			}
		}
	}
	return nil
}

// passOver lets fields pass that are not among the known ones, in whatever case.
func passOver(known map[string]field) func(name string) *Error {
	return func(name string) *Error {
		for _, right := range slices.Sorted(maps.Keys(known)) {
			if strings.EqualFold(right, name) {
				return Invalid(name, CodeUnknown, "unknown parameter %.60q: its name is %s", name, right)
			}
		}
		return nil
	}
}

// decode reads a part of a body again into a struct: what has an order, or several forms.
func decode(data []byte, to any) *Error {
	err := strictjson.UnmarshalOpen(data, to, errJSON)
	if wrong := new(strictjson.Mismatch); errors.As(err, &wrong) {
		return Invalid(wrong.Field, CodeInvalid, "%s: %s found, %s expected", wrong.Field, wrong.Found, wrong.Wanted)
	}
	if err != nil {
		return Invalid("", CodeInvalid, "%v", err)
	}
	return nil
}

// inField says in which field an error is.
func inField(name string, err error) *Error {
	var at *Error
	if errors.As(err, &at) { // within it
		param := name + *at.Param
		return Invalid(param, *at.Code, "%s: %s", param, at.Message)
	}
	code := CodeInvalid
	if errors.Is(err, errUnsupported) {
		code = CodeUnsupported
	}
	return Invalid(name, code, "%s: %v", name, err)
}

// check refuses what lacks something.
func (r *Request) check() *Error {
	switch {
	case r.Model == "":
		return Invalid("model", CodeMissing, "model is missing")
	case r.Kind == ChatCompletions && r.Messages == nil:
		return Invalid("messages", CodeMissing, "messages are missing")
	case r.Kind == Responses && r.Messages == nil:
		return Invalid("input", CodeMissing, "input is missing")
	case r.Kind == Completions && r.Prompt == "" && r.PromptIDs == nil:
		return Invalid("prompt", CodeMissing, "prompt is missing, or empty")
	}
	if r.Kind == Completions && r.MaxTokens == 0 {
		r.MaxTokens = DefaultMaxTokens
	}
	return nil
}

// within puts the place of a value that lies within another before an error.
func within(place string, err error) error {
	param, code := place, CodeInvalid
	var at *Error
	if errors.As(err, &at) {
		return Invalid(place+*at.Param, *at.Code, "%s", at.Message)
	}
	if errors.Is(err, errUnsupported) {
		code = CodeUnsupported
	}
	return Invalid(param, code, "%v", err)
}

// short is a value as JSON, cut off where it is long.
func short(v any) string {
	text, _ := json.Marshal(v)
	if len(text) > 40 {
		return strings.ToValidUTF8(string(text[:40]), "") + "…"
	}
	return string(text)
}
