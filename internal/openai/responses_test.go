package openai

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestParseResponse: a request for a response is one for a chat.
func TestParseResponse(t *testing.T) {
	q, err := ParseResponse([]byte(`{"model": "m", "instructions": "Be brief.", "previous_response_id": "resp_1", "store": false, "max_output_tokens": 20, "temperature": 0.5, "user": null, "unknown_field": 1,
		"input": [{"role": "user", "content": "A"}, {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
			{"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "B", "annotations": [], "logprobs": []}]},
			{"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}, {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
			{"type": "function_call_output", "call_id": "c1", "output": "5"}, {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "6"}]},
			{"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]}, {"type": "function_call", "call_id": "c3", "name": "g", "arguments": ""}],
		"text": {"format": {"type": "json_schema", "name": "x", "schema": {"b": 1, "a": 2}}}, "tools": [{"type": "function", "name": "f", "parameters": {"z": 1, "y": 2}, "strict": true}],
		"tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false, "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content", "message.output_text.logprobs"], "top_logprobs": 2}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Request{Kind: ChatCompletions, Model: "m", N: 1, Temperature: 0.5, TopP: 1, MaxTokens: 20, LogProbs: true, TopLogProbs: 2, Schema: json.RawMessage(`{"b": 1, "a": 2}`),
		Tools: []Tool{{"f", "", json.RawMessage(`{"z": 1, "y": 2}`), true}}, ToolChoice: ToolChoice{CallNamed, "f"}, SingleCall: true, ReasoningEffort: "low",
		Messages: []Message{{Role: "user", Content: "A"}, {Role: "assistant", Content: "B", Reasoning: "hm", Calls: []Call{{"c1", "f", "{}"}, {"c2", "f", "{}"}}},
			{Role: "tool", CallID: "c1", Content: "5"}, {Role: "tool", CallID: "c2", Content: "6"}, {Role: "assistant", NoContent: true, Reasoning: "so", Calls: []Call{{"c3", "g", ""}}}}}
	if !reflect.DeepEqual(*q.Request, want) || q.Instructions != "Be brief." || q.Previous != "resp_1" || q.Store {
		t.Errorf("%+v, want %+v; %+v", *q.Request, want, q)
	}
	if s := q.Settings; string(s.Temperature) != "0.5" || string(s.TopP) != "1" || string(s.User) != "null" || string(s.Tools) != `[{"type": "function", "name": "f", "parameters": {"z": 1, "y": 2}, "strict": true}]` {
		t.Errorf("%+v", s)
	}
	for _, c := range [][2]string{
		{`"input": []`, "input"}, {`"input": 5`, "input"}, {`"input": null`, "input"}, {`"input": [{"type": "reasoning"}]`, "input"}, {`"input": [5]`, "input[0]"},
		{`"input": [{"type": "item_reference", "id": "x"}]`, "input[0].type"}, {`"input": [{"role": "user", "content": [{"type": "input_image"}]}]`, "input[0].content[0].type"},
		{`"input": [{"content": "x"}]`, "input[0].role"}, {`"input": [{"role": "tool", "content": "x"}]`, "input[0].role"}, {`"input": [{"role": "user"}]`, "input[0].content"},
		{`"input": [{"type": "function_call", "call_id": "c", "name": "a b", "arguments": ""}]`, "input[0].name"}, {`"input": [{"type": "function_call", "name": "f", "arguments": ""}]`, "input[0].call_id"},
		{`"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]`, "input[0].arguments"}, {`"input": [{"type": "function_call_output", "output": ""}]`, "input[0].call_id"},
		{`"input": [{"type": "function_call_output", "call_id": "c"}]`, "input[0].output"}, {`"input": [{"type": "reasoning", "content": 5}]`, "input[0].content"},
		{`"background": true`, "background"}, {`"truncation": "auto"`, "truncation"}, {`"conversation": "c"`, "conversation"}, {`"prompt": {"id": "p"}`, "prompt"}, {`"include": ["file_search_call.results"]`, "include[0]"},
		{`"tools": [{"type": "web_search"}]`, "tools[0].type"}, {`"tools": [{"type": "function", "name": ""}]`, "tools[0].function.name"}, {`"tool_choice": "required"`, "tool_choice"}, {`"tool_choice": {"type": "mcp"}`, "tool_choice"},
		{`"text": {"format": {"type": "grammar"}}`, "text.format.type"}, {`"text": {"format": {"type": "json_schema"}}`, "text.format.schema"}, {`"text": {"verbosity": "low"}`, "text.verbosity"}, {`"text": 5`, "text"},
		{`"reasoning": {"effort": "most"}`, "reasoning.effort"}, {`"top_logprobs": 1`, "top_logprobs"}, {`"instructions": []`, "instructions"}, {`"store": 1`, "store"}, {`"response_format": {}`, "response_format"}, {`"max_output_tokens": 0`, "max_output_tokens"},
	} {
		body := `{"model": "m", ` + c[0] + `}`
		if !strings.Contains(body, `"input"`) {
			body = `{"model": "m", "input": "x", ` + c[0] + `}`
		}
		_, err := ParseResponse([]byte(body))
		if err == nil || err.Param == nil || *err.Param != c[1] || err.Status != 400 || !strings.Contains(err.Message, c[1]) {
			t.Errorf("%s: %+v, want %s", body, err, c[1])
		}
	}
}

// FuzzParseResponse: no body stops the program, and what is taken can be asked of a model.
func FuzzParseResponse(f *testing.F) {
	f.Add(`{"model": "m", "input": "x", "text": {"format": {"type": "json_schema", "schema": {}}}, "tools": [{"type": "function", "name": "f"}]}`)
	f.Add(`{"model": "m", "input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}, {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": ""}]}, {"type": "reasoning", "summary": []}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		q, err := ParseResponse([]byte(body))
		again, err2 := ParseResponse([]byte(body))
		if !reflect.DeepEqual(q, again) || !reflect.DeepEqual(err, err2) {
			t.Fatalf("%q: %+v, %v, then %+v, %v", body, q, err, again, err2)
		}
		if err != nil {
			if err.Status != 400 || err.Message == "" {
				t.Errorf("%q: %+v", body, err)
			}
			return
		}
		for _, m := range q.Messages {
			if m.check() != nil || len(m.Calls) > maxCalls {
				t.Errorf("%q: %+v", body, m)
			}
		}
		if _, err := json.Marshal(Response{ResponseSettings: q.Settings}); err != nil || q.Model == "" || len(q.Messages) == 0 || q.CheckTools() != nil {
			t.Errorf("%q: %+v, %v", body, q, err)
		}
	})
}
