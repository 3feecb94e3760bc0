package generate

import (
	"encoding/json"
	"strings"
)

// ToolForm is the form in which a chat template takes tools and calls of them, which the templates of different models
// take differently.
type ToolForm struct {
	// Tools says that the template tells the model of tools, and Calls that it writes calls of messages before.
	Tools, Calls bool
	// ArgumentsAsText says that a call's arguments are a text of JSON, not an object.
	ArgumentsAsText bool
	// Content is what a message of calls has as its content if it has none.
	Content EmptyContent
	// ShortIDs says that a call is known by 9 letters and digits.
	ShortIDs bool
}

// EmptyContent is how a message says that it has no content.
type EmptyContent uint8

// The ways to say it.
const (
	ContentAbsent EmptyContent = iota
	ContentEmpty               // a text of no characters
	ContentNull                // null, with ChatRequest.KeepNull
)

// What the conversation that forms are tried with has, and no template of its own.
const (
	probeKey, probeValue = "probe_key", "probe value"
	probeShort           = "probe0009"
	probeLong            = "call_probe_of_more_than_nine"
	probeTools           = `[{"type": "function", "function": {"name": "probe_function", "description": "probe", "parameters": {"type": "object", "properties": {"` + probeKey + `": {"type": "string", "description": "probe"}}, "required": ["` + probeKey + `"]}}}]`
)

// ToolForm returns the form that the template takes, which is found by trying: what it has lost, or wrote as no JSON, it does not take.
func (t *ChatTemplate) ToolForm() ToolForm {
	question := json.RawMessage(`[{"role": "user", "content": "probe"}]`)
	told, err := t.RenderRequest(ChatRequest{Messages: question, Tools: json.RawMessage(probeTools), AddGenerationPrompt: true})
	none := ToolForm{Tools: err == nil && strings.Contains(told, probeKey)}
	for _, asText := range []bool{false, true} {
		for _, content := range []EmptyContent{ContentAbsent, ContentEmpty, ContentNull} {
			f := ToolForm{Tools: none.Tools, ArgumentsAsText: asText, Content: content}
			if f.Calls = t.takesCalls(f, probeShort); f.Calls {
				f.ShortIDs = !t.takesCalls(f, probeLong)
				return f
			}
		}
	}
	return none
}

// takesCalls tries a conversation with a call in a form.
func (t *ChatTemplate) takesCalls(f ToolForm, id string) bool {
	arguments := `{"` + probeKey + `": "` + probeValue + `"}`
	if f.ArgumentsAsText {
		text, _ := json.Marshal(arguments) // of a string, which cannot fail
		arguments = string(text)
	}
	content := [...]string{ContentAbsent: "", ContentEmpty: `"content": "", `, ContentNull: `"content": null, `}[f.Content]
	messages := `[{"role": "user", "content": "probe"},
		{"role": "assistant", ` + content + `"tool_calls": [{"id": "` + id + `", "type": "function", "function": {"name": "probe_function", "arguments": ` + arguments + `}}]},
		{"role": "tool", "tool_call_id": "` + id + `", "name": "probe_function", "content": "probe"}, {"role": "assistant", "content": "probe"}, {"role": "user", "content": "probe"}]`
	request := ChatRequest{Messages: json.RawMessage(messages), AddGenerationPrompt: true, KeepNull: f.Content == ContentNull}
	if f.Tools {
		request.Tools = json.RawMessage(probeTools)
	}
	text, err := t.RenderRequest(request)
	// In Python's way, or as JSON in JSON, it would not be what a model has learned.
	return err == nil && strings.Contains(text, probeValue) && !strings.Contains(text, "'"+probeKey) && !strings.Contains(text, `\"`+probeKey)
}
