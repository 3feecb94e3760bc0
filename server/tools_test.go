package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// toolsTemplate is a chat template of the form of Hermes.
const toolsTemplate = `{% if tools %}{% for t in tools %}{{ t | tojson }}
{% endfor %}<tool_call>{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}
{% endfor %}{% if add_generation_prompt %}assistant:{% if enable_thinking %}<think>
{% endif %}{% endif %}{# </think> #}`

const weatherTool = `"tools": [{"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city", "days"], "additionalProperties": false}}}]`

// chat asks with a body, whole and streamed, and returns the answers' messages, that of the stream put together as a client does.
func chat(t *testing.T, url, body string) (whole, streamed map[string]any, finish string) {
	t.Helper()
	status, v := post(t, url+"/v1/chat/completions", body+"}")
	if status != 200 {
		t.Fatalf("%s: %d, %v", body, status, v)
	}
	whole, _ = at(v, "choices", 0, "message").(map[string]any)
	finish, _ = at(v, "choices", 0, "finish_reason").(string)
	events, done := stream(t, url+"/v1/chat/completions", body+`, "stream": true}`)
	if !done || len(events) == 0 {
		t.Fatalf("%s: %v, %v", body, events, done)
	}
	streamed = map[string]any{"role": "assistant", "content": "", "refusal": nil}
	var calls []any
	for _, e := range events {
		delta := at(e, "choices", 0, "delta")
		for _, name := range []string{"content", "reasoning_content"} {
			if piece, ok := at(delta, name).(string); ok {
				before, _ := streamed[name].(string)
				streamed[name] = before + piece
			}
		}
		pieces, _ := at(delta, "tool_calls").([]any)
		for _, piece := range pieces {
			i := int(at(piece, "index").(float64))
			if i == len(calls) {
				calls = append(calls, map[string]any{"id": at(piece, "id"), "type": at(piece, "type"), "function": map[string]any{"name": at(piece, "function", "name"), "arguments": ""}})
			}
			function := at(calls[i], "function").(map[string]any)
			function["arguments"] = function["arguments"].(string) + at(piece, "function", "arguments").(string)
		}
	}
	if calls != nil {
		streamed["tool_calls"] = calls
		if streamed["content"] == "" {
			streamed["content"] = nil
		}
	}
	if last := at(events[len(events)-1], "choices", 0, "finish_reason"); last != finish {
		t.Errorf("%s: streamed %v, whole %s", body, last, finish)
	}
	return whole, streamed, finish
}

// TestForcedCalls: a call that has to come comes, with arguments that the function's schema is true of, whole and streamed; an answer of a schema may come beside calls.
func TestForcedCalls(t *testing.T) {
	h, _ := start(t, ModelOptions{Engine: transformer.Options{Context: 1024}}, Options{}, toolsTemplate)
	for seed, more := range []string{
		`"tool_choice": "required", "parallel_tool_calls": false`,
		`"tool_choice": {"type": "function", "function": {"name": "get_weather"}}`,
		`"tool_choice": "required", "parallel_tool_calls": false, "reasoning_effort": "none"`,
	} {
		body := fmt.Sprintf(`{"model": "demo", "seed": %d, "temperature": 2, "max_tokens": 600, "messages": [{"role": "user", "content": "Weather?"}], %s, %s`, seed, weatherTool, more)
		whole, streamed, finish := chat(t, h.URL, body)
		a, _ := json.Marshal(whole)
		b, _ := json.Marshal(streamed)
		if string(a) != string(b) {
			t.Errorf("%s:\n%s, streamed\n%s", more, a, b)
		}
		if finish == "length" {
			continue // it is still thinking
		}
		var arguments struct {
			City string
			Days int
		}
		text, _ := at(whole, "tool_calls", 0, "function", "arguments").(string)
		if err := json.Unmarshal([]byte(text), &arguments); err != nil || arguments.Days < 1 || arguments.Days > 9 || len([]rune(arguments.City)) > 8 || finish != "tool_calls" || whole["content"] != nil {
			t.Errorf("%s: %v, %s: %v", more, whole, finish, err)
		}
	}
	const yes = `"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["yes"]}}}`
	whole, _, finish := chat(t, h.URL, `{"model": "demo", "max_tokens": 600, "messages": [{"role": "user", "content": "Weather?"}], `+weatherTool+`, "logit_bias": {}, `+yes)
	if calls, _ := whole["tool_calls"].([]any); whole["content"] != `"yes"` && len(calls) == 0 && finish != "length" {
		t.Errorf("%v", whole)
	}
	for more, param := range map[string]string{
		`"tool_choice": "required", ` + yes: "tool_choice",
		`"tool_choice": "required", "tools": [{"type": "function", "function": {"name": "f", "strict": true, "parameters": {"type": "object", "not": {}}}}]`: "tools",
	} {
		if !strings.Contains(more, "tools\"") {
			more += ", " + weatherTool
		}
		status, v := post(t, h.URL+"/v1/chat/completions", `{"model": "demo", "messages": [{"role": "user", "content": "x"}], `+more+`}`)
		if status != 400 || at(v, "error", "param") != param {
			t.Errorf("%s: %d, %v", more, status, v)
		}
	}
}

// TestArguments: a call that has to come has an object, whatever else its function's schema leaves open; one that is true of no object is refused, on all
// paths.
func TestArguments(t *testing.T) {
	before, _, _ := strings.Cut(toolsTemplate, "{% if add_generation_prompt") // it does not think
	h, _ := start(t, ModelOptions{Engine: transformer.Options{Context: 1024}}, Options{}, before+"assistant:")
	for _, schema := range []string{
		`{}`, `{"title": "x", "description": "y"}`, `{"properties": {"n": {"enum": [1]}}}`, `{"type": ["object", "null"]}`, `{"anyOf": [{}, {"type": "object"}]}`, `{"not": {}}`,
		`{"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"n": {"enum": [1]}}}}}`,
		`{"type": "string"}`, `{"type": "array", "items": {}}`, `{"const": 5}`, `{"anyOf": [{"type": "object"}, {"type": "integer"}]}`, `{"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}`,
	} {
		refused := strings.Contains(schema, "string") || strings.Contains(schema, "array") || strings.Contains(schema, "5") || strings.Contains(schema, "integer")
		for path, body := range map[string]string{
			"/v1/chat/completions": `"tool_choice": "required", "parallel_tool_calls": false, "max_tokens": 70, "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f", "parameters": %s}}]`,
			"/v1/responses":        `"tool_choice": "required", "parallel_tool_calls": false, "max_output_tokens": 70, "input": "x", "tools": [{"type": "function", "name": "f", "parameters": %s}]`,
			"/v1/messages":         `"tool_choice": {"type": "any", "disable_parallel_tool_use": true}, "max_tokens": 70, "messages": [{"role": "user", "content": "x"}], "tools": [{"name": "f", "input_schema": %s}]`,
		} {
			status, v := post(t, h.URL+path, `{"model": "demo", "seed": 1, `+fmt.Sprintf(body, schema)+`}`)
			text, _ := json.Marshal(v)
			if refused {
				if status != 400 || !strings.Contains(string(text), "tools[0].function.parameters: ") {
					t.Errorf("%s, %s: %d, %s", path, schema, status, text)
				}
				continue
			}
			// One that is too long is cut off, and still a call.
			name := at(v, map[string][]any{
				"/v1/chat/completions": {"choices", 0, "message", "tool_calls", 0, "function", "name"}, "/v1/responses": {"output", 0, "name"}, "/v1/messages": {"content", 0, "name"},
			}[path]...)
			if arguments, _ := at(v, "choices", 0, "message", "tool_calls", 0, "function", "arguments").(string); status != 200 || name != "f" || arguments != "" && arguments[0] != '{' {
				t.Errorf("%s, %s: %d, %s", path, schema, status, text)
			}
		}
	}
}

// TestCalls: calls and reasoning in a text are told apart from it, whole and streamed.
func TestCalls(t *testing.T) {
	h, _ := start(t, ModelOptions{Engine: transformer.Options{Context: 1024}}, Options{}, toolsTemplate)
	const messages = `{"model": "demo", "seed": 3, "messages": [{"role": "user", "content": "Weather?"}], ` + weatherTool
	says := func(text string) string {
		quoted, _ := json.Marshal("root ::= " + fmt.Sprintf("%q", text))
		return `, "grammar": ` + string(quoted)
	}
	const one, two = `{"name": "get_weather", "arguments": {"city": "Oslo", "days": 1}}`, `{"name": "get_weather", "arguments": {}}`
	for _, c := range []struct{ more, content, reasoning, calls, finish string }{
		{says("Look.\n<tool_call>\n" + one + "\n</tool_call>\n<tool_call>" + two + "</tool_call>"), "Look.", "", `{"city": "Oslo", "days": 1} {}`, "tool_calls"},
		{says("<tool_call>" + one + "</tool_call>"), "<nil>", "", `{"city": "Oslo", "days": 1}`, "tool_calls"},
		{says("<think>\nHm.\n</think>\n\nYes."), "Yes.", "Hm.", "", "stop"},
		{says("Hm.\n</think>\n\nYes.") + `, "chat_template_kwargs": {"enable_thinking": true}`, "Yes.", "Hm.", "", "stop"},
		{says("<tool_call>{\"name\" 5}</tool_call>"), "<tool_call>{\"name\" 5}</tool_call>", "", "", "stop"},
		{says("<tool_call>"+one+"</tool_call>") + `, "tool_choice": "none"`, "<tool_call>" + one + "</tool_call>", "", "", "stop"},
		{says("<tool_call>"+one+"</tool_call>") + `, "max_tokens": 62`, "<nil>", "", `{"city": "Os`, "length"},
	} {
		whole, streamed, finish := chat(t, h.URL, messages+c.more)
		var calls []string
		list, _ := whole["tool_calls"].([]any)
		for _, call := range list {
			calls = append(calls, at(call, "function", "arguments").(string))
			if id, _ := at(call, "id").(string); !strings.HasPrefix(id, "call_") || at(call, "type") != "function" || at(call, "function", "name") != "get_weather" {
				t.Errorf("%v", call)
			}
		}
		got := strings.Join(calls, " ")
		reasoning, _ := whole["reasoning_content"].(string)
		if fmt.Sprint(whole["content"]) != c.content || reasoning != c.reasoning || got != c.calls && (c.finish != "length" || !strings.HasPrefix(got, "{")) || finish != c.finish {
			t.Errorf("%s:\n%v, %s", c.more, whole, finish)
		}
		a, _ := json.Marshal(whole)
		b, _ := json.Marshal(streamed)
		if string(a) != string(b) {
			t.Errorf("%s:\n%s, streamed\n%s", c.more, a, b)
		}
	}
	whole, _, _ := chat(t, h.URL, messages+says("<tool_call>"+one+"</tool_call><tool_call>"+two+"</tool_call>"))
	if at(whole, "tool_calls", 0, "id") == at(whole, "tool_calls", 1, "id") {
		t.Errorf("two calls of one id: %v", whole)
	}
	// The next turn, with the call and its answer.
	call, _ := json.Marshal(whole)
	status, v := post(t, h.URL+"/v1/chat/completions", fmt.Sprintf(`{"model": "demo", "max_tokens": 4, %s, "messages": [{"role": "user", "content": "Weather?"}, %s, {"role": "tool", "tool_call_id": %q, "content": "rain"}]}`,
		weatherTool, call, at(whole, "tool_calls", 0, "id")))
	if status != 200 {
		t.Errorf("%d, %v", status, v)
	}
}

// TestTemplateTools: what a chat template makes of tools is told.
func TestTemplateTools(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{}, toolsTemplate)
	body := `{"messages": [{"role": "user", "content": "Rain?"}], "chat_template_kwargs": {"enable_thinking": true}, ` + weatherTool + `}`
	if _, v := post(t, h.URL+"/apply-template", body); !strings.Contains(fmt.Sprint(at(v, "prompt")), `"get_weather"`) || !strings.HasSuffix(fmt.Sprint(at(v, "prompt")), "user: Rain?assistant:<think>\n") {
		t.Errorf("%v", v)
	}
}

// TestSupplement: what a chat template leaves out of tools, calls and their ids is written in its place, where it is known how the model writes calls.
func TestSupplement(t *testing.T) {
	const messages = `{"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Rain?"},
		{"role": "assistant", "content": "I look.", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\"}"}}, {"id": "b", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
		{"role": "tool", "tool_call_id": "b", "content": "Sun."}], ` + weatherTool + `}`
	const plain = `{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}X{% endfor %}{% if m.tool_call_id %} of {{ m.tool_call_id }}{% endif %}
{% endfor %}`
	for _, c := range []struct {
		template string
		want     []string // of the prompt
	}{
		{plain + "{# <tool_call> #}", []string{"system: Be kind.\n\nYou may call", `"name":"get_weather"`, "<tool_call>\n{\"name\": \"FUNCTION\"", "assistant: I look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>\n<tool_call>", "tool: Sun. of b"}},
		{"{{ tools | tojson }}" + plain + "{# <|tool_list_start|> #}", []string{"system: Be kind.user", "I look.<|tool_call_start|>[get_weather(city=\"Oslo\"), get_weather()]<|tool_call_end|>"}},
		{"{{ tools | tojson }}{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.id }} {{ c.function.arguments | tojson }}{% endfor %}{{ m.tool_call_id }}{% endfor %}{# <|tool_calls_section_begin|><|tool_call_argument_begin|> #}",
			[]string{"functions.get_weather:0 {\"city\": \"Oslo\"}functions.get_weather:1 {}", "functions.get_weather:1"}},
		{plain, nil},
	} {
		h, _ := start(t, ModelOptions{}, Options{}, c.template)
		status, v := post(t, h.URL+"/apply-template", messages)
		prompt := fmt.Sprint(at(v, "prompt"))
		if (status == 200) != (c.want != nil) {
			t.Errorf("%s: %d, %v", c.template, status, v)
		}
		for _, want := range c.want {
			before, behind, ok := strings.Cut(prompt, want)
			if prompt = behind; !ok {
				t.Errorf("%s: no %q behind %q", c.template, want, before)
			}
		}
	}
}
