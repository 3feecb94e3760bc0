package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestMessages: a message of Anthropic's API is what a chat with the same messages is, whole and told by events.
func TestMessages(t *testing.T) {
	h, _ := start(t, ModelOptions{Engine: transformer.Options{Context: 512}}, Options{})
	url := h.URL + "/v1/messages"
	const asks = `{"model": "demo", "seed": 5, "max_tokens": 12, "metadata": null, "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}], "messages": [{"role": "user", "content": [{"type": "text", "text": "Tell me "}, {"type": "text", "text": "of dogs"}]}]`
	_, chat := post(t, h.URL+"/v1/chat/completions", `{"model": "demo", "seed": 5, "max_tokens": 12, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tell me of dogs"}]}`)
	text := at(chat, "choices", 0, "message", "content").(string)
	status, v := post(t, url, asks+"}")
	if status != 200 || at(v, "content", 0, "text") != text || at(v, "type") != "message" || at(v, "stop_reason") != "max_tokens" || at(v, "usage", "output_tokens") != 12.0 || at(v, "usage", "input_tokens") != at(chat, "usage", "prompt_tokens") {
		t.Errorf("%d: %v, want %q", status, v, text)
	}
	events, _ := stream(t, url, asks+`, "stream": true}`)
	var kinds []string
	var told strings.Builder
	for _, e := range events {
		kind := at(e, "type").(string)
		if kind == "content_block_delta" {
			told.WriteString(at(e, "delta", "text").(string))
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != kind {
			kinds = append(kinds, kind)
		}
	}
	last := events[len(events)-2]
	if fmt.Sprint(kinds) != "[message_start content_block_start content_block_delta content_block_stop message_delta message_stop]" || told.String() != text || at(last, "delta", "stop_reason") != "max_tokens" || at(last, "usage", "output_tokens") != 12.0 {
		t.Errorf("%v: %q, %v", kinds, told.String(), last)
	}
	stop := text[len(text)/2 : len(text)/2+4]
	_, v = post(t, url, asks+fmt.Sprintf(`, "stop_sequences": ["nowhere", %q]}`, stop))
	if before, _, _ := strings.Cut(text, stop); at(v, "stop_reason") != "stop_sequence" || at(v, "stop_sequence") != stop || at(v, "content", 0, "text") != before {
		t.Errorf("%q ends %v", stop, v)
	}
	if status, n := post(t, url+"/count_tokens", `{"model": "demo", "system": "Be brief.", "messages": [{"role": "user", "content": "Tell me of dogs"}]}`); status != 200 || at(n, "input_tokens") != at(v, "usage", "input_tokens") {
		t.Errorf("%d: %v", status, n)
	}
}

// TestMessagesRefused: errors have the form of Anthropic's API, those that come before the request is read, too.
func TestMessagesRefused(t *testing.T) {
	h, s := start(t, ModelOptions{Engine: transformer.Options{Context: 64}}, Options{})
	const one = `"messages": [{"role": "user", "content": "x"}]`
	for _, c := range []struct {
		path, body string
		status     int
		kind, says string
	}{
		{"", `{"model": "other", "max_tokens": 5, ` + one + `}`, 404, "not_found_error", "no model"},
		{"", `{"model": "demo", ` + one + `}`, 400, "invalid_request_error", "max_tokens: it is missing"},
		{"/count_tokens", `{"model": "demo"}`, 400, "invalid_request_error", "messages"},
		{"", `{"model": "demo", "max_tokens": 5, "messages": [{"role": "user", "content": "` + strings.Repeat("dog ", 80) + `"}]}`, 400, "invalid_request_error", "room for 64"},
		{"", `{"model": "demo", "max_tokens": 5, "messages": [{"role": "user", "content": "` + strings.Repeat("dog ", 8000) + `"}]}`, 413, "request_too_large", "bytes"},
		{"", `{`, 400, "invalid_request_error", "JSON"},
		{"/nothing", `{}`, 404, "not_found_error", "nothing"},
	} {
		status, v := post(t, h.URL+"/v1/messages"+c.path, c.body)
		if status != c.status || at(v, "type") != "error" || at(v, "error", "type") != c.kind || !strings.Contains(fmt.Sprint(at(v, "error", "message")), c.says) {
			t.Errorf("%s %.80s: %d, %v", c.path, c.body, status, v)
		}
	}
	s.library.entries[0].model.scheduler.Close()
	if status, v := post(t, h.URL+"/v1/messages", `{"model": "demo", "max_tokens": 5, `+one+`}`); status != 529 || at(v, "error", "type") != "overloaded_error" {
		t.Errorf("closed: %d, %v", status, v)
	}
	keyed, _ := start(t, ModelOptions{}, Options{Keys: []string{"one"}})
	if status, v := post(t, keyed.URL+"/v1/messages", `{}`); status != 401 || at(v, "error", "type") != "authentication_error" {
		t.Errorf("without a key: %d, %v", status, v)
	}
}
