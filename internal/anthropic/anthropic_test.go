package anthropic

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// TestParse: a request for a message is one for a chat.
func TestParse(t *testing.T) {
	r, err := Parse([]byte(`{"model": "m", "max_tokens": 20, "system": "Be brief.", "temperature": 0.5, "top_k": 3, "stop_sequences": ["END"], "stream": true, "metadata": {"user_id": "x"}, "top_p": null, "unknown_field": 1,
		"messages": [{"role": "user", "content": "A"},
			{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "B"}, {"type": "tool_use", "id": "c1", "name": "f", "input": {"b": 1, "a": 2}}]},
			{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "5", "is_error": false}, {"type": "text", "text": "C"}, {"type": "text", "text": "D", "cache_control": {"type": "ephemeral"}}, {"type": "tool_result", "tool_use_id": "c2"}]},
			{"role": "assistant", "content": [{"type": "tool_use", "id": "c3", "name": "f", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c3", "content": [{"type": "text", "text": "6"}]}]}],
		"tools": [{"name": "f", "description": "d", "input_schema": {"z": 1, "y": 2}}], "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true}, "thinking": {"type": "disabled"},
		"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"b": 1, "a": 2}}}}`), false)
	if err != nil {
		t.Fatal(err)
	}
	want := openai.Request{Kind: openai.ChatCompletions, Model: "m", N: 1, Temperature: 0.5, TopP: 1, TopK: 3, MaxTokens: 20, Stop: []string{"END"}, Stream: true, Schema: json.RawMessage(`{"b": 1, "a": 2}`),
		Tools: []openai.Tool{{Name: "f", Description: "d", Parameters: json.RawMessage(`{"z": 1, "y": 2}`)}}, ToolChoice: openai.ToolChoice{Mode: openai.CallNamed, Name: "f"}, SingleCall: true,
		ReasoningEffort: "low", Variables: json.RawMessage(`{"enable_thinking": false}`),
		Messages: []openai.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "A"}, {Role: "assistant", Content: "B", Reasoning: "hm", Calls: []openai.Call{{ID: "c1", Name: "f", Arguments: `{"b": 1, "a": 2}`}}},
			{Role: "tool", CallID: "c1", Content: "5"}, {Role: "user", Content: "CD"}, {Role: "tool", CallID: "c2"}, {Role: "assistant", NoContent: true, Calls: []openai.Call{{ID: "c3", Name: "f", Arguments: "{}"}}}, {Role: "tool", CallID: "c3", Content: "6"}}}
	if !reflect.DeepEqual(*r, want) {
		t.Errorf("%+v, want %+v", *r, want)
	}
	for _, c := range [][2]string{
		{`"messages": []`, "messages"}, {`"messages": null`, "messages"}, {`"messages": [{"role": "system", "content": "x"}]`, "messages[0].role"}, {`"messages": [{"role": "user"}]`, "messages[0].content"},
		{`"messages": [{"role": "user", "content": [{"type": "text", "Text": "x"}]}]`, "messages[0].content"}, {`"system": [{"TYPE": "text", "text": "x"}]`, "system"},
		{`"messages": [{"role": "user", "content": []}]`, "messages[0].content"}, {`"messages": [{"role": "user", "content": [{"type": "image"}]}]`, "messages[0].content[0].type"},
		{`"messages": [{"role": "user", "content": [{"type": "text"}]}]`, "messages[0].content[0].text"}, {`"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]`, "messages[0].content[0].tool_use_id"},
		{`"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "image"}]}]}]`, "messages[0].content[0].content[0].type"},
		{`"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "so"}]`, "messages[1]"}, {`"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": 5}]}]`, "messages[0].content[0].input"},
		{`"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "a b", "input": {}}]}]`, "messages[0].content[0].name"}, {`"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking"}]}]`, "messages[0].content[0].type"},
		{`"max_tokens": 0`, "max_tokens"}, {`"max_tokens": null`, "max_tokens"}, {`"temperature": 1.5`, "temperature"}, {`"top_p": -1`, "top_p"}, {`"top_k": -1`, "top_k"}, {`"stop_sequences": [""]`, "stop_sequences"},
		{`"stop_sequences": [` + strings.Repeat(`"x",`, 64) + `"x"]`, "stop_sequences"}, {`"container": "c"`, "container"}, {`"mcp_servers": [{}]`, "mcp_servers"}, {`"context_management": {}`, "context_management"},
		{`"tools": [{"type": "web_search_20250305", "name": "web_search"}]`, "tools[0].type"}, {`"tools": [{"name": ""}]`, "tools[0].function.name"}, {`"tool_choice": {"type": "any"}`, "tool_choice"}, {`"tool_choice": {"type": "tool"}`, "tool_choice.name"},
		{`"tool_choice": {"type": "required"}`, "tool_choice.type"}, {`"thinking": {"type": "maybe"}`, "thinking.type"}, {`"output_config": {"effort": "most"}`, "output_config.effort"}, {`"output_format": {"type": "grammar"}`, "output_format.type"},
		{`"output_format": {"type": "json_schema"}`, "output_format.schema"}, {`"system": [{"type": "image"}]`, "system[0].type"},
	} {
		body := `{"model": "m"`
		for _, other := range []string{`"max_tokens": 5`, `"messages": [{"role": "user", "content": "x"}]`} {
			if name, _, _ := strings.Cut(other, ":"); !strings.HasPrefix(c[0], name) {
				body += ", " + other
			}
		}
		body += ", " + c[0] + "}"
		_, err := Parse([]byte(body), false)
		if err == nil || err.Param == nil || *err.Param != c[1] || err.Status != 400 || !strings.Contains(err.Message, c[1]) {
			t.Errorf("%.200s: %+v, want %s", body, err, c[1])
		}
	}
}

// TestNewBlock: arguments that were cut off are none.
func TestNewBlock(t *testing.T) {
	for arguments, want := range map[string]string{`{"a": 1}`: `{"type":"tool_use","input":{"a":1}}`, `{"a": `: `{"type":"tool_use","input":{}}`, ``: `{"type":"tool_use","input":{}}`} {
		if got, err := json.Marshal(NewBlock(BlockToolUse, arguments)); string(got) != want || err != nil {
			t.Errorf("%s: %s, %v", arguments, got, err)
		}
	}
}

// FuzzParse: no body stops the program, and what is taken can be asked of a model.
func FuzzParse(f *testing.F) {
	f.Add(`{"model": "m", "max_tokens": 5, "system": "s", "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": ""}]}]}], "tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}}`)
	f.Add(`{"model": "m", "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}, {"role": "user", "content": "x"}], "thinking": {"type": "enabled", "budget_tokens": 5}, "output_format": {"type": "json_schema", "schema": {}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, counted := range []bool{false, true} {
			r, err := Parse([]byte(body), counted)
			again, err2 := Parse([]byte(body), counted)
			if !reflect.DeepEqual(r, again) || !reflect.DeepEqual(err, err2) {
				t.Fatalf("%q: %+v, %v, then %+v, %v", body, r, err, again, err2)
			}
			switch {
			case err != nil && (err.Status != 400 || err.Message == ""):
				t.Errorf("%q: %+v", body, err)
			case err == nil && (r.Model == "" || len(r.Messages) == 0 || !counted && r.MaxTokens < 1 || len(r.Stop) > maxStop || r.CheckTools() != nil):
				t.Errorf("%q: %+v", body, r)
			}
		}
	})
}
