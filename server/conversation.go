package server

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/toolcall"
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

// mayCall says whether there are tools that may be called. Else none is told of.
func mayCall(r *openai.Request) bool { return len(r.Tools) > 0 && r.ToolChoice.Mode != openai.CallNone }

// conversation returns what a request says to the model, in the form in which its chat template takes tools. What the template leaves out of calls and tools is
// put into texts, where it is known how the model writes calls.
func (m *Model) conversation(r *openai.Request) (c generate.ChatRequest, refused *openai.Error) {
	form := m.toolForm()
	messages := make([]templateMessage, len(r.Messages))
	called := map[string]string{} // functions by the calls' ids
	ids := callIDs{form: form, numbered: m.format.Numbered()}
	for i, said := range r.Messages {
		t := templateMessage{Role: said.Role, Content: said.Content, Name: said.Name, Reasoning: said.Reasoning}
		if said.NoContent && form.Content != generate.ContentEmpty {
			t.Content = nil
		}
		if said.CallID != "" {
			t.CallID = ids.of(said.CallID)
			if t.Name == "" {
				t.Name = called[said.CallID]
			}
		}
		for j, call := range said.Calls {
			called[call.ID] = call.Name
			arguments, err := argumentsIn(form, call.Arguments)
			if err != nil {
				return c, openai.Invalid("messages", openai.CodeInvalid, "messages[%d].tool_calls[%d].function.arguments: %v", i, j, err)
			}
			t.Calls = append(t.Calls, templateCall{ids.add(call.ID, call.Name), "function", templateCalled{call.Name, arguments}})
		}
		messages[i] = t
	}
	if messages, refused = m.supplement(messages, r, form); refused != nil {
		return c, refused
	}
	c = generate.ChatRequest{AddGenerationPrompt: true, KeepNull: form.Content == generate.ContentNull}
	var err error
	if c.Messages, err = json.Marshal(messages); err != nil {
		return c, openai.Invalid("messages", openai.CodeInvalid, "messages: %v", err)
	}
	if c.Variables, err = variables(r); err != nil {
		return c, openai.Invalid("chat_template_kwargs", openai.CodeInvalid, "chat_template_kwargs: %v", err)
	}
	if !mayCall(r) || !form.Tools {
		return c, nil
	}
	tools := make([]templateTool, len(r.Tools))
	for i, t := range r.Tools {
		tools[i] = templateTool{"function", functionOf(t)}
	}
	if c.Tools, err = json.Marshal(tools); err != nil {
		return c, openai.Invalid("tools", openai.CodeInvalid, "tools: %v", err)
	}
	return c, nil
}

func functionOf(t openai.Tool) templateFunction {
	parameters := t.Parameters
	if parameters == nil {
		parameters = noParameters
	}
	return templateFunction{t.Name, t.Description, parameters}
}

// supplement puts calls and tools that the template leaves out into texts: calls behind that of their message, tools into the system message.
func (m *Model) supplement(messages []templateMessage, r *openai.Request, form generate.ToolForm) ([]templateMessage, *openai.Error) {
	for i := range messages {
		t := &messages[i]
		if len(t.Calls) == 0 || form.Calls {
			continue
		}
		calls := make([]toolcall.Call, len(t.Calls))
		for j, call := range t.Calls {
			calls[j] = toolcall.Call{ID: call.ID, Name: call.Function.Name, Arguments: fmt.Sprintf("%s", call.Function.Arguments)}
		}
		content, _ := t.Content.(string)
		text, ok := m.format.Write(content, calls)
		if !ok {
			return nil, openai.Invalid("messages", openai.CodeUnsupported, "messages[%d].tool_calls: the model's chat template takes no calls of tools", i)
		}
		t.Content, t.Calls = text, nil
	}
	if !mayCall(r) || form.Tools {
		return messages, nil
	}
	functions := make([]json.RawMessage, len(r.Tools))
	for i, t := range r.Tools {
		text, err := json.Marshal(functionOf(t))
		if err != nil {
			return nil, openai.Invalid("tools", openai.CodeInvalid, "tools: %v", err)
		}
		functions[i] = text
	}
	text, ok := m.format.Declare(functions)
	if !ok {
		return nil, openai.Invalid("tools", openai.CodeUnsupported, "tools: the model's chat template takes none")
	}
	if len(messages) > 0 && messages[0].Role == "system" {
		content, _ := messages[0].Content.(string)
		messages[0].Content = content + "\n\n" + text
		return messages, nil
	}
	return slices.Insert(messages, 0, templateMessage{Role: "system", Content: text}), nil
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

// callIDs are what calls are known by to a model: the same in a call and in its answer.
type callIDs struct {
	form     generate.ToolForm
	numbered bool
	calls    int
	known    map[string]string // numbered ones, by the request's
}

// add returns the id of a call that is the next of a conversation.
func (c *callIDs) add(id, name string) string {
	if !c.numbered {
		return c.of(id)
	}
	if c.known == nil {
		c.known = map[string]string{}
	}
	c.calls++
	c.known[id] = fmt.Sprintf("functions.%s:%d", name, c.calls-1)
	return c.known[id]
}

// of returns the id in an answer to a call.
func (c *callIDs) of(id string) string {
	if known, ok := c.known[id]; ok {
		return known
	}
	plain := func(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
	if !c.form.ShortIDs || len(id) == shortID && strings.TrimFunc(id, plain) == "" {
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
