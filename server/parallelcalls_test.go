package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// manyForms are the forms in which one answer may have several calls: signs of a chat template by which each is known, what goes on behind a call, and a word that
// does not come.
var manyForms = map[string]struct{ signs, on, never string }{
	"hermes":        {"<tool_call>", "\n", ""},
	"qwen-xml":      {"<tool_call><function=<parameter=", "\n", ""},
	"glm":           {"<tool_call><arg_key>", "\n", ""},
	"llama":         {"<|python_tag|>", ";", ""},
	"mistral":       {"[TOOL_CALLS][ARGS]", "[", ""},
	"mistral-list":  {"[TOOL_CALLS]", ",", ""},
	"deepseek":      {"<｜tool▁call▁begin｜><｜tool▁sep｜>", "\n", ""},
	"deepseek-json": {"<｜tool▁call▁begin｜><｜tool▁sep｜>```json", "\n", ""},
	"kimi":          {"<|tool_calls_section_begin|><|tool_call_argument_begin|>", "\n", ""},
	"seed":          {"<seed:tool_call>", "\n", "think"},
	"minimax":       {`<minimax:tool_call><invoke name="`, "\n", ""},
	"gemma":         {"<|tool_call>", "<", ""},
	"functiongemma": {"<start_function_call>", "<", ""},
	"lfm":           {"<|tool_call_start|>", ",", ""},
	"cohere":        {"<|START_ACTION|>", ",", ""},
	"granite":       {"<|tool_call|>", ",", ""},
}

// TestParallelCalls: in each form that has a place for them a model that goes on calls several functions in an answer, which are numbered from 0, whole and
// streamed; with parallel_tool_calls false it calls one, and the answer ends. A bias has it go on wherever it may.
func TestParallelCalls(t *testing.T) {
	const body = `{"model": "demo", "temperature": 1, "max_tokens": 300, "tool_choice": "required", "messages": [{"role": "user", "content": "Weather?"}],
		"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"], "additionalProperties": false}}}, {"type": "function", "function": {"name": "g"}}]`
	for name, form := range manyForms {
		h, s := start(t, ModelOptions{Engine: transformer.Options{Context: 1024}}, Options{}, "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}{#"+form.signs+"#}")
		on, k := map[string]int{}, s.library.entries[0].model.batch.Tokenizer
		for id := range k.VocabSize() {
			if strings.HasPrefix(string(k.AppendBytes(nil, id)), form.on) {
				on[fmt.Sprint(id)] = 100
			}
			if text := string(k.AppendBytes(nil, id)); strings.Contains(form.never, text) && strings.Contains(text, "h") {
				on[fmt.Sprint(id)] = -100
			}
		}
		bias, _ := json.Marshal(on)
		// ask returns the calls of an answer, and how it ended.
		ask := func(more string) (calls []any, said []byte, reasons bool, finish string) {
			whole, streamed, finish := chat(t, h.URL, body+`, "logit_bias": `+string(bias)+more)
			a, _ := json.Marshal(whole)
			if b, _ := json.Marshal(streamed); string(a) != string(b) {
				t.Errorf("%s:\n%s, streamed\n%s", name, a, b)
			}
			calls, _ = whole["tool_calls"].([]any)
			return calls, a, finish == "length" && calls == nil, finish
		}
		asked := false
		for seed := 0; seed < 20 && !asked; seed++ {
			calls, said, reasons, finish := ask(fmt.Sprintf(`, "seed": %d`, seed))
			if asked = !reasons; reasons { // without an end, by the bias
				continue
			}
			if len(calls) < 2 {
				t.Errorf("%s: %d calls, %s: %s", name, len(calls), finish, said)
			}
			ids := map[any]bool{}
			for i, call := range calls {
				if ids[at(call, "id")] = true; i == len(calls)-1 && finish == "length" { // it is cut off
					break
				}
				var arguments map[string]any
				text, _ := at(call, "function", "arguments").(string)
				err := json.Unmarshal([]byte(text), &arguments)
				if _, on := arguments["on"].(bool); err != nil || on != (at(call, "function", "name") == "f") {
					t.Errorf("%s: %v: %v", name, call, err)
				}
			}
			if len(ids) != len(calls) {
				t.Errorf("%s: %d calls have %d ids", name, len(calls), len(ids))
			}
			if calls, said, _, finish = ask(fmt.Sprintf(`, "seed": %d, "parallel_tool_calls": false`, seed)); len(calls) != 1 || finish != "tool_calls" {
				t.Errorf("%s, one: %s, %s", name, said, finish)
			}
		}
		if !asked {
			t.Errorf("%s: it does nothing but reason", name)
		}
	}
}
