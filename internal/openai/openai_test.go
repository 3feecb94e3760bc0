package openai

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const chat, text = ChatCompletions, Completions
	hi := []Message{{Role: "user", Content: "Hi"}}
	for _, c := range []struct {
		kind Kind
		body string
		want Request
	}{
		{text, `{"model": "m", "prompt": "P"}`, Request{Prompt: "P", MaxTokens: 16}},
		{text, `{"model": "m", "prompt": ["P"], "max_tokens": 3.0, "n": 1.0, "best_of": 1, "suffix": "", "echo": false}`, Request{Prompt: "P", MaxTokens: 3}},
		{text, `{"model": "m", "prompt": [3, 4]}`, Request{PromptIDs: []int{3, 4}, MaxTokens: 16}},
		{text, `{"model": "m", "prompt": [[3, 4]]}`, Request{PromptIDs: []int{3, 4}, MaxTokens: 16}},
		{text, `{"model": "m", "prompt": [3]}`, Request{PromptIDs: []int{3}, MaxTokens: 16}},
		{chat, `{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}`, Request{Messages: hi}},
		{chat, `{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}], "name": null}], "stop": "x"}`, Request{Messages: hi, Stop: []string{"x"}}},
		{chat, `{"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "top_p": 0.5, "seed": -3, "stop": ["a", "b"], "max_completion_tokens": 9, "max_tokens": 9}`,
			Request{Messages: hi, Temperature: -1, TopP: 0.5, Seed: -3, Stop: []string{"a", "b"}, MaxTokens: 9}},
		{chat, `{"model": "m", "messages": [{"role": "user", "content": "Hi"}], "user": "u", "metadata": {"a": "b"}, "store": true, "service_tier": "flex", "tools": [], "tool_choice": "none",
			"response_format": {"type": "text"}, "stream": false, "logprobs": false, "top_logprobs": null, "logit_bias": {}, "frequency_penalty": 0.0, "audio": null, "reasoning_effort": null}`, Request{Messages: hi}},
	} {
		c.want.Kind, c.want.Model, c.want.N = c.kind, "m", 1
		c.want.Seeded = c.want.Seed != 0
		if c.want.Temperature == 0 {
			c.want.Temperature = 1
		}
		c.want.Temperature = max(c.want.Temperature, 0)
		if c.want.TopP == 0 {
			c.want.TopP = 1
		}
		got, err := Parse(c.kind, []byte(c.body))
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s:\n%+v, %v, want\n%+v", c.body, got, err, c.want)
		}
	}
}

// TestParseRefuses: whatever would change the result is refused by name.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		kind              Kind
		more, param, code string
	}{
		{ChatCompletions, `"n": 2`, "n", CodeUnsupported},
		{ChatCompletions, `"stream": true`, "stream", CodeUnsupported},
		{ChatCompletions, `"logprobs": true`, "logprobs", CodeUnsupported},
		{ChatCompletions, `"tools": [{}]`, "tools", CodeUnsupported},
		{ChatCompletions, `"tool_choice": "required"`, "tool_choice", CodeUnsupported},
		{ChatCompletions, `"response_format": {"type": "json_object"}`, "response_format", CodeUnsupported},
		{ChatCompletions, `"frequency_penalty": 0.1`, "frequency_penalty", CodeUnsupported},
		{ChatCompletions, `"logit_bias": {"5": 1}`, "logit_bias", CodeUnsupported},
		{ChatCompletions, `"reasoning_effort": "low"`, "reasoning_effort", CodeUnsupported},
		{ChatCompletions, `"temperature": 2.1`, "temperature", CodeInvalid},
		{ChatCompletions, `"temperature": "1"`, "temperature", CodeInvalid},
		{ChatCompletions, `"top_p": -1`, "top_p", CodeInvalid},
		{ChatCompletions, `"seed": 1.5`, "seed", CodeInvalid},
		{ChatCompletions, `"seed": 9223372036854775808`, "seed", CodeInvalid},
		{ChatCompletions, `"max_tokens": 0`, "max_tokens", CodeInvalid},
		{ChatCompletions, `"max_tokens": 4, "max_completion_tokens": 5`, "max_tokens", CodeInvalid},
		{ChatCompletions, `"stop": ["a", "b", "c", "d", "e"]`, "stop", CodeInvalid},
		{ChatCompletions, `"stop": ""`, "stop", CodeInvalid},
		{ChatCompletions, `"top_k": 40`, "top_k", CodeUnknown},
		{ChatCompletions, `"prompt": "x"`, "prompt", CodeUnknown},
		{ChatCompletions, `"messages": []`, "messages", CodeInvalid},
		{ChatCompletions, `"messages": null`, "messages", CodeMissing},
		{ChatCompletions, `"messages": [{"role": "user"}]`, "messages[0].content", CodeInvalid},
		{ChatCompletions, `"messages": [{"content": "x"}]`, "messages[0].role", CodeInvalid},
		{ChatCompletions, `"messages": [{"role": "user", "content": "x"}, {"role": "tool", "content": "x"}]`, "messages[1].role", CodeUnsupported},
		{ChatCompletions, `"messages": [{"role": "user", "content": "x", "name": "Tom"}]`, "messages[0].name", CodeUnsupported},
		{ChatCompletions, `"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]`, "messages[0].content[0].type", CodeUnsupported},
		{ChatCompletions, `"messages": [{"role": "user", "content": [{"type": "text"}]}]`, "messages[0].content[0].text", CodeInvalid},
		{Completions, `"prompt": null`, "prompt", CodeMissing},
		{Completions, `"prompt": ["a", "b"]`, "prompt", CodeUnsupported},
		{Completions, `"prompt": [1, -1]`, "prompt", CodeInvalid},
		{Completions, `"prompt": []`, "prompt", CodeMissing},
		{Completions, `"prompt": "x", "echo": true`, "echo", CodeUnsupported},
		{Completions, `"prompt": "x", "suffix": "y"`, "suffix", CodeUnsupported},
		{Completions, `"prompt": "x", "logprobs": 0`, "logprobs", CodeUnsupported},
		{Completions, `"prompt": "x", "best_of": 3`, "best_of", CodeUnsupported},
		{"/v1/embeddings", `"input": "x"`, "url", CodeUnsupported},
	} {
		body := `{"model": "m", ` + c.more + `}`
		if c.kind == ChatCompletions && !strings.Contains(c.more, `"messages"`) {
			body = `{"model": "m", "messages": [{"role": "user", "content": "x"}], ` + c.more + `}`
		}
		_, err := Parse(c.kind, []byte(body))
		if err == nil || err.Param == nil || *err.Param != c.param || err.Code == nil || *err.Code != c.code || err.Status != 400 || !strings.Contains(err.Message, c.param) {
			t.Errorf("%s: %+v, want %s, %s", body, err, c.param, c.code)
		}
	}
	long := strings.Repeat("x", 1<<17)
	for _, more := range []string{`"` + long + `": 1`, `"messages": [{"` + long + `": 1}]`, `"messages": [{"role": "` + long + `"}]`, `"stop": ["` + long + `", 1]`,
		`"messages": [{"role": "user", "content": [{"type": "text", "text": "", "` + long + `": 1}]}]`} {
		_, err := Parse(ChatCompletions, []byte(`{"model": "m", `+more+`}`))
		if text, _ := json.Marshal(err); err == nil || len(text) > 8<<10 {
			t.Errorf("%.60s is answered with %d bytes", more, len(text))
		}
	}
	for _, body := range []string{``, `[]`, `{`, `{"model": "m", "model": "n", "prompt": "x"}`, `{"prompt": "x"}`, `{"model": null, "prompt": "x"}`, `{} {}`, "{\"model\": \"\xff\"}",
		`{"model": "m", "metadata": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`} {
		if r, err := Parse(Completions, []byte(body)); err == nil {
			t.Errorf("%.80s: %+v", body, r)
		}
	}
}

// TestParseServed: what only a server does is read, what other servers have is passed over, and what is not done is
// refused by name.
func TestParseServed(t *testing.T) {
	r, err := ParseServed(ChatCompletions, []byte(`{"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 2, "stream": true, "stream_options": {"include_usage": true}, "logprobs": true,
		"top_logprobs": 5, "logit_bias": {"7": -100, "9": 1.5}, "presence_penalty": -2, "frequency_penalty": 0.5, "top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1, "repeat_last_n": 1024, "mirostat": 0, "mirostat_tau": 5, "typical_p": 1.0, "cache_prompt": true, "ignore_eos": true, "seed": null, "max_tokens": -1, "stop": ["1", "2", "3", "4", "5"],
		"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": {"b": 1, "a": 2}}}}`))
	want := Request{Kind: ChatCompletions, Model: "m", Messages: []Message{{Role: "user", Content: "x"}}, N: 2, Stream: true, IncludeUsage: true, LogProbs: true, TopLogProbs: 5, Temperature: 1, TopP: 1,
		LogitBias: map[int]float32{7: -100, 9: 1.5}, Schema: json.RawMessage(`{"b": 1, "a": 2}`), PresencePenalty: -2, FrequencyPenalty: 0.5, TopK: 40, MinP: 0.1, RepeatPenalty: 1.1,
		RepeatLast: 1024, MaxTokens: maxTokens, IgnoreEnd: true, Stop: []string{"1", "2", "3", "4", "5"}}
	if err != nil || !reflect.DeepEqual(*r, want) {
		t.Errorf("%+v, %v", r, err)
	}
	for more, param := range map[string]string{
		`"n": 0`: "n", `"n": 17`: "n", `"stream": 1`: "stream", `"stream_options": {"include_usage": true}`: "stream_options", `"top_logprobs": 1`: "top_logprobs",
		`"logit_bias": {"x": 1}`: "logit_bias", `"logit_bias": {"1": 101}`: "logit_bias", `"presence_penalty": 3`: "presence_penalty", `"top_k": -2`: "top_k",
		`"response_format": {"type": "xml"}`: "response_format", `"response_format": {"type": "json_schema"}`: "response_format",
		`"response_format": {"type": "json_object"}, "grammar": "x"`: "grammar", `"json_schema": {}, "grammar": "x"`: "json_schema", `"max_tokens": -2`: "max_tokens", `"repeat_penalty": 1.2, "repeat_last_n": -1`: "repeat_last_n", `"repeat_penalty": 1.2, "repeat_last_n": 1025`: "repeat_last_n",
		`"mirostat": 2`: "mirostat", `"typical_p": 0.9`: "typical_p", `"dry_multiplier": 0.8`: "dry_multiplier", `"ignore_eos": 1`: "ignore_eos", `"repetition_penalty": 1.2`: "repetition_penalty",
	} {
		_, err := ParseServed(ChatCompletions, []byte(`{"model": "m", "messages": [{"role": "user", "content": "x"}], `+more+`}`))
		if err == nil || err.Param == nil || *err.Param != param || err.Status != 400 {
			t.Errorf("%s: %+v", more, err)
		}
	}
}

// TestSchemas: a schema stands where OpenAI's API has it, and where llama.cpp's server has it.
func TestSchemas(t *testing.T) {
	for _, more := range []string{`"response_format": {"type": "json_schema", "json_schema": {"schema": {"b": 1}}}`, `"response_format": {"type": "json_schema", "schema": {"b": 1}}`,
		`"response_format": {"type": "json_object", "schema": {"b": 1}}`, `"json_schema": {"b": 1}`, `"json_schema": {"b": 1}, "response_format": {"type": "text"}`} {
		r, err := ParseServed(Completions, []byte(`{"model": "m", "prompt": "x", `+more+`}`))
		if err != nil || string(r.Schema) != `{"b": 1}` || r.AnyObject {
			t.Errorf("%s: %+v, %v", more, r, err)
		}
	}
	if r, err := ParseServed(Completions, []byte(`{"model": "m", "prompt": "x", "response_format": {"type": "json_object", "schema": null}}`)); err != nil || !r.AnyObject {
		t.Errorf("any object: %+v, %v", r, err)
	}
}

func TestParseBatchLine(t *testing.T) {
	line, err := ParseBatchLine([]byte(`{"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": {"x": null}}`))
	if err != nil || line.CustomID != "a" || line.URL != Completions || string(line.Body) != `{"x": null}` {
		t.Errorf("%+v, %v", line, err)
	}
	for text, id := range map[string]string{
		`{"custom_id": "a", "method": "GET", "url": "/v1/completions", "body": {}}`:             "a",
		`{"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": null}`:          "a",
		`{"custom_id": "a", "method": "POST", "url": "/v1/completions"}`:                        "a",
		`{"method": "POST", "url": "/v1/completions", "body": {}}`:                              "",
		`{"custom_id": 5, "method": "POST", "url": "/v1/completions", "body": {}}`:              "",
		`{"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": {}, "more": 1}`: "a",
		`{"custom_id": "` + strings.Repeat("a", 600) + `", "method": "POST", "body": {}}`:       "",
		`{"custom_id": "a\ud800", "method": "POST", "url": "/v1/completions", "body": {}}`:      "",
		`x`: "", ``: "", `[]`: "", `{} {}`: "",
	} {
		if line, err := ParseBatchLine([]byte(text)); err == nil || line.CustomID != id {
			t.Errorf("%.60s: %+v, %v", text, line, err)
		}
	}
}

// TestTools: functions, the choice among them and conversations with calls are read, in the order that schemas have.
func TestTools(t *testing.T) {
	r, err := ParseServed(ChatCompletions, []byte(`{"model": "m", "messages": [{"role": "user", "content": "x", "name": "Tom"},
		{"role": "assistant", "content": null, "refusal": null, "annotations": [], "reasoning_content": "hm", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
		{"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "5"}]}],
		"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"b": 1, "a": 2}, "strict": true}}, {"type": "function", "function": {"name": "g.h", "parameters": null, "strict": null}}],
		"tool_choice": {"type": "function", "function": {"name": "g.h"}}, "parallel_tool_calls": false, "reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": true}}`))
	want := Request{Kind: ChatCompletions, Model: "m", N: 1, Temperature: 1, TopP: 1,
		Messages: []Message{{Role: "user", Content: "x", Name: "Tom"}, {Role: "assistant", NoContent: true, Reasoning: "hm", Calls: []Call{{"c1", "f", "{}"}}}, {Role: "tool", Content: "5", CallID: "c1"}},
		Tools:    []Tool{{"f", "d", json.RawMessage(`{"b": 1, "a": 2}`), true}, {Name: "g.h"}}, ToolChoice: ToolChoice{CallNamed, "g.h"}, SingleCall: true, ReasoningEffort: "low",
		Variables: json.RawMessage(`{"enable_thinking": true}`)}
	if err != nil || !reflect.DeepEqual(*r, want) {
		t.Errorf("%+v, %v", r, err)
	}
	const f = `"tools": [{"type": "function", "function": {"name": "f"}}]`
	for _, c := range [][2]string{
		{`"tools": [{}]`, "tools[0].type"}, {`"tools": [{"type": "web_search"}]`, "tools[0].type"}, {`"tools": [{"type": "function"}]`, "tools[0].function"},
		{`"tools": [{"type": "function", "function": {"name": "a b"}}]`, "tools[0].function.name"}, {`"tools": [{"type": "function", "function": {"name": ""}}]`, "tools[0].function.name"},
		{`"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]`, "tools[0].function.parameters"}, {`"tools": 5`, "tools"},
		{`"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}]`, "tools[1].function.name"},
		{`"tools": [` + strings.Repeat(`{"type": "function", "function": {"name": "f"}},`, maxTools) + `{"type": "function", "function": {"name": "f"}}]`, "tools"},
		{`"tool_choice": "required"`, "tool_choice"}, {`"tool_choice": "any"`, "tool_choice"}, {`"tool_choice": 5`, "tool_choice"}, {f + `, "tool_choice": {"type": "function", "function": {"name": "g"}}`, "tool_choice"},
		{f + `, "tool_choice": {"type": "allowed_tools"}`, "tool_choice"}, {`"parallel_tool_calls": 1`, "parallel_tool_calls"}, {`"reasoning_effort": "most"`, "reasoning_effort"},
		{`"chat_template_kwargs": []`, "chat_template_kwargs"}, {`"functions": [{}]`, "functions"},
		{`"messages": [{"role": "tool", "content": "x"}]`, "messages[0].tool_call_id"}, {`"messages": [{"role": "assistant", "content": null, "tool_calls": []}]`, "messages[0].content"},
		{`"messages": [{"role": "user", "content": "x", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]}]`, "messages[0].tool_calls"},
		{`"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}]`, "messages[0].tool_calls[0].function.arguments"},
		{`"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": ""}}]}]`, "messages[0].tool_calls[0].id"},
		{`"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]`, "messages[0].tool_calls[0].type"},
		{`"messages": [{"role": "assistant", "tool_calls": {}}]`, "messages[0].tool_calls"}, {`"messages": [{"role": "assistant", "content": "x", "audio": {}}]`, "messages[0].audio"},
	} {
		body := `{"model": "m", ` + c[0] + `}`
		if !strings.Contains(body, "messages") {
			body = `{"model": "m", "messages": [{"role": "user", "content": "x"}], ` + c[0] + `}`
		}
		_, err := ParseServed(ChatCompletions, []byte(body))
		if err == nil || err.Param == nil || *err.Param != c[1] || err.Status != 400 || !strings.Contains(err.Message, c[1]) {
			t.Errorf("%.200s: %+v, want %s", body, err, c[1])
		}
	}
}

// TestCase: a name in another case is none: it is refused, or is as if it were not there.
func TestCase(t *testing.T) {
	const format = `{"type": "json_schema", "json_schema": {"schema": {}}}`
	chat := `{"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {}, "strict": true}}],
		"tool_choice": {"type": "function", "function": {"name": "f"}}, "response_format": ` + format + `, "chat_template_kwargs": {}, "parallel_tool_calls": false, "reasoning_effort": "low", "stream": true, "stream_options": {"include_usage": true}}`
	read := func(kind Kind, body any) (any, bool) {
		text, _ := json.Marshal(body)
		if kind == Responses {
			r, err := ParseResponse(text)
			return r, err == nil
		}
		r, err := ParseServed(kind, text)
		return r, err == nil
	}
	for _, c := range []struct {
		kind Kind
		body string
	}{
		{ChatCompletions, chat},
		{ChatCompletions, `{"model": "m", "messages": [{"role": "user", "content": "x"}], "grammar": "root ::= \"x\""}`},
		{Responses, `{"model": "m", "input": "x", "instructions": "y", "previous_response_id": "r", "store": false, "parallel_tool_calls": false, "reasoning": {"effort": "low"}, "text": {"verbosity": "medium", "format": {"type": "json_schema", "schema": {}}},
			"tools": [{"type": "function", "name": "f", "description": "d", "parameters": {}, "strict": true}], "tool_choice": {"type": "function", "name": "f"}, "chat_template_kwargs": {}, "metadata": {}}`},
	} {
		var body any
		if err := json.Unmarshal([]byte(c.body), &body); err != nil {
			t.Fatal(err)
		}
		if r, ok := read(c.kind, body); !ok {
			t.Fatalf("%s: %+v", c.body, r)
		}
		names := 0
		var try func(v any)
		try = func(v any) {
			list, _ := v.([]any)
			for _, item := range list {
				try(item)
			}
			object, _ := v.(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(object)) {
				names++
				value := object[name]
				try(value)
				delete(object, name)
				without, _ := read(c.kind, body)
				object[strings.ToUpper(name)] = value
				if r, ok := read(c.kind, body); ok && !reflect.DeepEqual(r, without) {
					t.Errorf("%s: %s is taken for %s: %+v", c.kind, strings.ToUpper(name), name, r)
				}
				delete(object, strings.ToUpper(name))
				object[name] = value
			}
		}
		if try(body); names < 5 {
			t.Errorf("%s: %d names", c.kind, names)
		}
	}
	for kind, fields := range map[Kind]map[string]field{ChatCompletions: servedFields[ChatCompletions], Completions: servedFields[Completions], Responses: responseFields} {
		for name := range fields {
			name = strings.ToUpper(name[:1]) + name[1:]
			body := []byte(fmt.Sprintf(`{"model": "m", "prompt": "x", "messages": [{"role": "user", "content": "x"}], "tools": [], %q: [1]}`, name))
			_, err := ParseServed(kind, body)
			if kind == Responses {
				_, err = ParseResponse([]byte(strings.Replace(string(body), `"prompt"`, `"input"`, 1)))
			}
			if err == nil || err.Param == nil || *err.Param != name || *err.Code != CodeUnknown {
				t.Errorf("%s: %s: %+v", kind, name, err)
			}
		}
	}
	for _, c := range [][2]string{{`"x"`, "tools: string found, array expected"}, {`[{"type": "function", "function": {"name": 5}}]`, "tools.function.name: number found, string expected"}} {
		_, err := ParseServed(ChatCompletions, []byte(`{"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": `+c[0]+`}`))
		if err == nil || err.Message != c[1] {
			t.Errorf("%s: %v, want %s", c[0], err, c[1])
		}
	}
}

// FuzzParse: no body stops the program, and none is taken that does not say what is asked.
func FuzzParse(f *testing.F) {
	f.Add(`{"model": "m", "prompt": ["P"], "stop": ["a"], "seed": 3, "n": 1}`)
	f.Add(`{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "H"}]}], "temperature": 1e0}`)
	f.Add(`{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "H", "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8}]}]}`)
	f.Add(`{"model": "m", "input": [[1, 2]], "encoding_format": "base64", "stream": true, "logit_bias": {"1": 2, "x": 3, "y": 4}}`)
	f.Add(`{"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "a", "content": ""}], "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": {"type": "function", "function": {"name": "f"}}}`)
	f.Add(`{"a": 1, "b": 2, "c": 3, "d": 4, "messages": [{"x": 1, "y": 2, "z": 3}], "model": 1}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, kind := range []Kind{ChatCompletions, Completions} {
			r, err := Parse(kind, []byte(body))
			for range 3 { // whatever the order of maps
				if r2, err2 := Parse(kind, []byte(body)); !reflect.DeepEqual(r, r2) || !reflect.DeepEqual(err, err2) {
					t.Fatalf("%q: %+v, %v, then %+v, %v", body, r, err, r2, err2)
				}
			}
			if err != nil {
				if err.Message == "" || err.Status != 400 {
					t.Errorf("%q: %+v", body, err)
				}
				continue
			}
			ok := r.Model != "" && r.Temperature >= 0 && r.Temperature <= 2 && r.TopP >= 0 && r.TopP <= 1 && len(r.Stop) <= 4
			if !ok || (kind == ChatCompletions) != (len(r.Messages) > 0) || (kind == Completions) != (r.Prompt != "" || len(r.PromptIDs) > 0) {
				t.Errorf("%q: %+v", body, r)
			}
		}
		for _, kind := range []Kind{ChatCompletions, Completions} {
			r, err := ParseServed(kind, []byte(body))
			r2, err2 := ParseServed(kind, []byte(body))
			if !reflect.DeepEqual(r, r2) || !reflect.DeepEqual(err, err2) {
				t.Fatalf("%q: %+v, %v, then %+v, %v", body, r, err, r2, err2)
			}
			if err == nil && (r.N < 1 || r.N > maxChoices || r.TopLogProbs > maxTopLogProbs || len(r.LogitBias) > maxLogitBias || len(r.Tools) > maxTools || r.CheckTools() != nil) {
				t.Errorf("%q: %+v", body, r)
			}
		}
		if e, err := ParseEmbeddings([]byte(body)); (err == nil) != (e != nil && len(e.Texts)+len(e.IDs) > 0) {
			t.Errorf("%q: %+v, %v", body, e, err)
		}
		ParseBatchLine([]byte(fmt.Sprintf(`{"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": %s}`, body)))
		ParseBatchLine([]byte(body))
	})
}
