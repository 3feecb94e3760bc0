package server

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// A message, a call and a function as chat templates know them.
type (
	templateMessage struct {
		Role      string         `json:"role"`
		Content   any            `json:"content"` // null is as if it were absent, unless templates are told otherwise
		Name      string         `json:"name,omitempty"`
		Reasoning string         `json:"reasoning_content,omitempty"`
		Calls     []templateCall `json:"tool_calls,omitempty"`
		CallID    string         `json:"tool_call_id,omitempty"`
	}
	templateCall struct {
		ID       string         `json:"id"`
		Type     string         `json:"type"`
		Function templateCalled `json:"function"`
	}
	templateCalled struct {
		Name      string `json:"name"`
		Arguments any    `json:"arguments"`
	}
	templateTool struct {
		Type     string           `json:"type"`
		Function templateFunction `json:"function"`
	}
	templateFunction struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	}
)

// noParameters is the schema of a function without any.
var noParameters = json.RawMessage(`{"type": "object", "properties": {}}`)

// conversation returns what a request says to the model, for a chat template that takes tools in a form. Where no tool may be called, none is
// told of.
func conversation(r *openai.Request, form generate.ToolForm) (c generate.ChatRequest, refused *openai.Error) {
	messages := make([]templateMessage, len(r.Messages))
	called := map[string]string{} // functions by the calls' ids
	for i, m := range r.Messages {
		if len(m.Calls) > 0 && !form.Calls {
			return c, openai.Invalid("messages", openai.CodeUnsupported, "messages[%d].tool_calls: the model's chat template takes no calls of tools", i)
		}
		t := templateMessage{Role: m.Role, Content: m.Content, Name: m.Name, Reasoning: m.Reasoning}
		if m.NoContent && form.Content != generate.ContentEmpty {
			t.Content = nil
		}
		if m.CallID != "" {
			t.CallID = callIDIn(form, m.CallID)
			if t.Name == "" {
				t.Name = called[m.CallID]
			}
		}
		for j, call := range m.Calls {
			called[call.ID] = call.Name
			arguments, err := argumentsIn(form, call.Arguments)
			if err != nil {
				return c, openai.Invalid("messages", openai.CodeInvalid, "messages[%d].tool_calls[%d].function.arguments: %v", i, j, err)
			}
			t.Calls = append(t.Calls, templateCall{callIDIn(form, call.ID), "function", templateCalled{call.Name, arguments}})
		}
		messages[i] = t
	}
	c = generate.ChatRequest{AddGenerationPrompt: true, KeepNull: form.Content == generate.ContentNull}
	var err error
	if c.Messages, err = json.Marshal(messages); err != nil {
		return c, openai.Invalid("messages", openai.CodeInvalid, "messages: %v", err)
	}
	if c.Variables, err = variables(r); err != nil {
		return c, openai.Invalid("chat_template_kwargs", openai.CodeInvalid, "chat_template_kwargs: %v", err)
	}
	if len(r.Tools) == 0 || r.ToolChoice.Mode == openai.CallNone {
		return c, nil
	}
	if !form.Tools {
		return c, openai.Invalid("tools", openai.CodeUnsupported, "tools: the model's chat template takes none")
	}
	tools := make([]templateTool, len(r.Tools))
	for i, t := range r.Tools {
		parameters := t.Parameters
		if parameters == nil {
			parameters = noParameters
		}
		tools[i] = templateTool{"function", templateFunction{t.Name, t.Description, parameters}}
	}
	if c.Tools, err = json.Marshal(tools); err != nil {
		return c, openai.Invalid("tools", openai.CodeInvalid, "tools: %v", err)
	}
	return c, nil
}

// argumentsIn returns a call's arguments in the form that a template takes.
func argumentsIn(form generate.ToolForm, arguments string) (any, error) {
	if strings.TrimSpace(arguments) == "" {
		arguments = "{}"
	}
	if form.ArgumentsAsText {
		return arguments, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(arguments), &object); err != nil || object == nil {
		return nil, fmt.Errorf("%.40q is no JSON object", arguments)
	}
	return json.RawMessage(arguments), nil
}

// shortID is how many letters and digits a short id has.
const shortID = 9

// callIDIn returns what a call is known by where a template takes it: the same in the call and in its answer.
func callIDIn(form generate.ToolForm, id string) string {
	plain := func(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
	if !form.ShortIDs || len(id) == shortID && strings.TrimFunc(id, plain) == "" {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("%x", sum[:])[:shortID]
}

// variables are what else a template is told: how much to think, and what the request says itself.
func variables(r *openai.Request) (json.RawMessage, error) {
	if r.ReasoningEffort == "" {
		return r.Variables, nil
	}
	all := map[string]any{"reasoning_effort": r.ReasoningEffort}
	if r.ReasoningEffort == "none" {
		all["enable_thinking"] = false
	}
	if r.Variables != nil {
		own := map[string]json.RawMessage{}
		if err := json.Unmarshal(r.Variables, &own); err != nil {
			return nil, err
		}
		for name, v := range own {
			all[name] = v
		}
	}
	return json.Marshal(all)
}
