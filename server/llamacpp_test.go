package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestLlamaCompletion: a completion in the form of llama.cpp's server is that of OpenAI's API with the same options, whole and streamed, from a text, its tokens
// or both; and its receipt is there.
func TestLlamaCompletion(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{})
	url := h.URL + "/completion"
	_, v := post(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "One day", "seed": 7, "max_tokens": 12, "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "logprobs": 2}`)
	want := at(v, "choices", 0, "text").(string)
	_, tokens := post(t, h.URL+"/tokenize", `{"content": "One day", "add_special": true}`)
	ids, _ := json.Marshal(tokens["tokens"])
	_, word := post(t, h.URL+"/tokenize", `{"content": "One", "add_special": true}`)
	first, _ := json.Marshal(word["tokens"])
	const options = `, "seed": 7, "n_predict": 12, "n_probs": 2, "cache_prompt": true, "id_slot": 0, "mirostat": 0, "typical_p": 1.0, "xtc_probability": 0.0, "adaptive_target": -1.0, "min_keep": 0`
	for _, prompt := range []string{
		`"One day"`, string(ids), "[" + string(ids) + "]", `["One day"]`, `{"prompt_string": "One day"}`, strings.TrimSuffix(string(first), "]") + `, " day"]`,
	} {
		body := `{"prompt": ` + prompt + options
		status, v := post(t, url, body+`, "return_tokens": true}`)
		if status != 200 || v["content"] != want || v["stop"] != true || v["stop_type"] != "limit" || v["truncated"] != false || v["tokens_predicted"] != 12.0 ||
			at(v, "timings", "predicted_n") != 12.0 || at(v, "timings", "prompt_n").(float64)+at(v, "timings", "cache_n").(float64) != v["tokens_evaluated"] || at(v, "generation_settings", "seed") != 7.0 {
			t.Errorf("%s: %d, %v, want %q", prompt, status, v, want)
		}
		if list, _ := v["tokens"].([]any); len(list) != 12 || list[3] != at(v, "completion_probabilities", 3, "id") || len(at(v, "completion_probabilities", 3, "top_logprobs").([]any)) != 2 {
			t.Errorf("%v, %v", list, v["completion_probabilities"])
		}
		events, done := stream(t, url, body+`, "stream": true}`)
		var text strings.Builder
		count := 0
		for _, e := range events {
			text.WriteString(e["content"].(string))
			list, _ := e["tokens"].([]any)
			count += len(list)
		}
		last := events[len(events)-1]
		if text.String() != want || done || count != 12 || last["stop"] != true || events[0]["stop"] != false || last["helix_receipt"] == "" {
			t.Errorf("%s: %q, %d tokens, %v, %v", prompt, text.String(), count, done, last)
		}
	}
	_, v = post(t, url, `{"prompt": "One day", "seed": 7, "n_predict": 12, "stop": [`+fmt.Sprintf("%q", want[8:12])+`]}`)
	if v["content"] != want[:8] || v["stop_type"] != "word" || v["stopping_word"] != want[8:12] {
		t.Errorf("%v, %q", v, want)
	}
	_, v = post(t, url, `{"prompt": "One day", "n_predict": 9, "seed": -1, "json_schema": {"enum": [5]}}`)
	if digest, _ := v["helix_receipt"].(string); v["content"] != "5" || v["stop_type"] != "eos" || len(digest) != 64 || at(v, "generation_settings", "seed").(float64) < 0 {
		t.Errorf("%v", v)
	}
	_, v = post(t, url, `{"prompt": "One day", "n_predict": 4, "temperature": 0, "logit_bias": [[`+fmt.Sprint(at(tokens, "tokens", 0))+`, false]]}`)
	if v["stop_type"] != "limit" || v["tokens_predicted"] != 4.0 {
		t.Errorf("%v", v)
	}
	for body, param := range map[string]string{
		`{}`:                               "prompt",
		`{"prompt": ""}`:                   "prompt",
		`{"prompt": []}`:                   "prompt",
		`{"prompt": ["a", "b"]}`:           "prompt",
		`{"prompt": [[1], [2]]}`:           "prompt",
		`{"prompt": [1, -2]}`:              "prompt",
		`{"prompt": [1, 99999999]}`:        "prompt",
		`{"prompt": {"prompt_string": 5}}`: "prompt",
		`{"prompt": {"prompt_string": "a", "multimodal_data": ["x"]}}`:       "prompt",
		`{"prompt": "a", "samplers": ["top_k"]}`:                             "samplers",
		`{"prompt": "a", "post_sampling_probs": true}`:                       "post_sampling_probs",
		`{"prompt": "a", "logit_bias": [["a", 1]]}`:                          "logit_bias",
		`{"prompt": "a", "logit_bias": [[1]]}`:                               "logit_bias",
		`{"prompt": "a", "logit_bias": [[1, 2], [1, -2]]}`:                   "logit_bias",
		`{"prompt": "a", "echo": true}`:                                      "echo",
		`{"prompt": "a", "min_keep": 3}`:                                     "min_keep",
		`{"prompt": "a", "adaptive_target": 0.5}`:                            "adaptive_target",
		`{"prompt": "a", "grammar": "root ::= \"a\"", "grammar_lazy": true}`: "grammar_lazy",
		`{"prompt": "a", "reasoning_budget_tokens": 0}`:                      "reasoning_budget_tokens",
		`{"prompt": "a", "mirostat": 2}`:                                     "mirostat",
		`{"prompt": "a", "n_probs": 21}`:                                     "n_probs",
		`{"prompt": "a", "response_fields": ["content"]}`:                    "response_fields",
	} {
		if status, v := post(t, url, body); status != 400 || at(v, "error", "param") != param {
			t.Errorf("%s: %d, %v", body, status, v)
		}
	}
	if status, v := post(t, url, `{"prompt": "a", "model": "other"}`); status != 404 {
		t.Errorf("%d, %v", status, v)
	}
}

// TestFirstPiece: a streamed chat begins with a piece that has the role alone, and ends with one that has only the reason; what it took is in the last, and
// the same model tells of itself in the same words.
func TestFirstPiece(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{})
	const body = `{"model": "demo", "messages": [{"role": "user", "content": "A dog"}], "max_tokens": 4`
	_, v := post(t, h.URL+"/v1/chat/completions", body+"}")
	fingerprint, _ := v["system_fingerprint"].(string)
	if at(v, "timings", "predicted_n") != 4.0 || !strings.HasPrefix(fingerprint, "fp_") {
		t.Errorf("%v", v)
	}
	events, _ := stream(t, h.URL+"/v1/chat/completions", body+`, "stream": true}`)
	first, _ := json.Marshal(at(events[0], "choices", 0, "delta"))
	last, _ := json.Marshal(at(events[len(events)-1], "choices", 0, "delta"))
	if string(first) != `{"content":null,"role":"assistant"}` || string(last) != "{}" || at(events[len(events)-1], "timings", "predicted_n") != 4.0 || events[0]["timings"] != nil || events[0]["system_fingerprint"] != fingerprint {
		t.Errorf("%s, %s, %v", first, last, events)
	}
	for _, e := range events[1:] {
		if at(e, "choices", 0, "delta", "role") != nil {
			t.Errorf("%v", e)
		}
	}
}
