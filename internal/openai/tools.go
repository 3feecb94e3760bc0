package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// Tool is a function that a model may call.
type Tool struct {
	Name, Description string
	Parameters        json.RawMessage // the JSON schema of an object that has the arguments; nil: it has none
	Strict            bool            // arguments have to be what the schema is true of
}

// ToolChoice says whether functions are to be called.
type ToolChoice struct {
	Mode ToolMode
	Name string // of CallNamed
}

// ToolMode is how free the choice is.
type ToolMode uint8

// The modes. A request that says nothing leaves the model the choice.
const (
	CallAuto     ToolMode = iota // as the model sees fit
	CallNone                     // none, though tools may be told of
	CallRequired                 // one or more of any
	CallNamed                    // the one function
)

// maxTools is how many functions a request may have, the API's own.
const maxTools = 128

// maxFunction is how many bytes a function's name may have: the API's 64, and twice as many for those that servers of tools join.
const maxFunction = 128

// errName reports a function's name that is none.
var errName = fmt.Errorf("1 to %d letters, digits or characters of _-.:/ are expected", maxFunction)

// IsFunction tells a name that no model's form of a call has to quote.
func IsFunction(name string) bool {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-.:/", r)
	}
	return name != "" && len(name) <= maxFunction && strings.TrimFunc(name, plain) == "" && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) })
}

// efforts are what a request may say of how much is thought before an answer.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh"}

// readTools reads what a chat says of tools and reasoning. It reads the body again: the members of a schema have an order.
func (r *Request) readTools(body []byte) *Error {
	var in struct {
		Tools []struct {
			Type     string `json:"type"`
			Function *struct {
				Name        string          `json:"name"`
				Description string          `json:"description"`
				Parameters  json.RawMessage `json:"parameters"`
				Strict      bool            `json:"strict"`
			} `json:"function"`
		} `json:"tools"`
		Choice    json.RawMessage `json:"tool_choice"`
		Parallel  *bool           `json:"parallel_tool_calls"`
		Effort    *string         `json:"reasoning_effort"`
		Variables json.RawMessage `json:"chat_template_kwargs"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	for i, t := range in.Tools {
		at := fmt.Sprintf("tools[%d]", i)
		switch {
		case t.Type != "function":
			return Invalid(at+".type", CodeUnsupported, "%s.type: %.40q is %v: function", at, t.Type, errUnsupported)
		case t.Function == nil:
			return Invalid(at+".function", CodeMissing, "%s.function is missing", at)
		}
		r.Tools = append(r.Tools, Tool{t.Function.Name, t.Function.Description, present(t.Function.Parameters), t.Function.Strict})
	}
	if err := r.setChoice(present(in.Choice)); err != nil {
		return inField("tool_choice", err)
	}
	r.SingleCall = in.Parallel != nil && !*in.Parallel
	if in.Effort != nil {
		if err := r.setEffort("reasoning_effort", *in.Effort); err != nil {
			return err
		}
	}
	if err := r.setVariables(in.Variables); err != nil {
		return err
	}
	return r.CheckTools()
}

// present returns a value's JSON, nil for null.
func present(v json.RawMessage) json.RawMessage {
	if v = bytes.TrimSpace(v); string(v) == "null" {
		return nil
	}
	return v
}

// setChoice reads what is to be called.
func (r *Request) setChoice(v json.RawMessage) error {
	var word string
	var named struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if v != nil && v[0] == '{' {
		if err := strictjson.UnmarshalOpen(v, &named, nil); err != nil {
			return err
		}
	}
	switch {
	case v == nil:
	case json.Unmarshal(v, &word) == nil:
		mode, ok := map[string]ToolMode{"auto": CallAuto, "none": CallNone, "required": CallRequired}[word]
		if !ok {
			return fmt.Errorf("%.40q is %w: none, auto, required, or a function", word, errUnsupported)
		}
		r.ToolChoice.Mode = mode
	case v[0] != '{':
		return errors.New("a text, or an object that names a function, is expected")
	case named.Type != "function":
		return fmt.Errorf("type %.40q is %w: function", named.Type, errUnsupported)
	default:
		r.ToolChoice = ToolChoice{CallNamed, named.Function.Name}
	}
	return nil
}

// CheckTools refuses tools of a request, read or made, that cannot be called, and a choice that is not among them.
func (r *Request) CheckTools() *Error {
	if len(r.Tools) > maxTools {
		return Invalid("tools", CodeInvalid, "tools: %d functions, at most %d are expected", len(r.Tools), maxTools)
	}
	names := map[string]bool{}
	for i, t := range r.Tools {
		at := fmt.Sprintf("tools[%d].function", i)
		switch {
		case !IsFunction(t.Name):
			return Invalid(at+".name", CodeInvalid, "%s.name: %v", at, errName)
		case names[t.Name]:
			return Invalid(at+".name", CodeInvalid, "%s.name: %s is there twice", at, t.Name)
		case t.Parameters != nil && t.Parameters[0] != '{':
			return Invalid(at+".parameters", CodeInvalid, "%s.parameters: a JSON schema is expected", at)
		}
		names[t.Name] = true
	}
	switch c := r.ToolChoice; {
	case c.Mode == CallRequired && len(r.Tools) == 0:
		return Invalid("tool_choice", CodeInvalid, "tool_choice: there are no tools")
	case c.Mode == CallNamed && !names[c.Name]:
		return Invalid("tool_choice", CodeInvalid, "tool_choice: there is no function %.130q among the tools", c.Name)
	}
	return nil
}
