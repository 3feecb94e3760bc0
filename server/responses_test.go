package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestResponses: a response is what a chat with the same messages is, whole and told by events, and can be gone on from.
func TestResponses(t *testing.T) {
	h, _ := start(t, ModelOptions{Engine: transformer.Options{Context: 512}}, Options{})
	const url, rest = "/v1/responses", `, "seed": 5, "max_output_tokens": 12, "user": null`
	chat := func(messages string) any {
		_, v := post(t, h.URL+"/v1/chat/completions", `{"model": "demo", "seed": 5, "max_tokens": 12, "messages": [`+messages+`]}`)
		return at(v, "choices", 0, "message", "content")
	}
	const system, user = `{"role": "system", "content": "Be brief."}`, `{"role": "user", "content": "Tell me of dogs"}`
	status, first := post(t, h.URL+url, `{"model": "demo", "instructions": "Be brief.", "input": "Tell me of dogs"`+rest+`}`)
	text := at(first, "output", 0, "content", 0, "text")
	if status != 200 || text != chat(system+","+user) || at(first, "status") != "incomplete" || at(first, "incomplete_details", "reason") != "max_output_tokens" || at(first, "usage", "output_tokens") != 12.0 ||
		at(first, "instructions") != "Be brief." || at(first, "output", 0, "status") != "incomplete" {
		t.Errorf("%d, %v", status, first)
	}
	events, _ := stream(t, h.URL+url, `{"model": "demo", "stream": true, "input": [`+system+","+user+`]`+rest+`}`)
	var kinds []string
	var told strings.Builder
	for i, e := range events {
		kind := at(e, "type").(string)
		if at(e, "sequence_number") != float64(i) {
			t.Errorf("event %d has the number %v", i, at(e, "sequence_number"))
		}
		if kind == "response.output_text.delta" {
			told.WriteString(at(e, "delta").(string))
			if at(e, "item_id") != at(events[len(events)-1], "response", "output", 0, "id") || at(e, "output_index") != 0.0 || at(e, "content_index") != 0.0 {
				t.Errorf("%v", e)
			}
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != kind {
			kinds = append(kinds, kind)
		}
	}
	want := "[response.created response.in_progress response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done response.incomplete]"
	if fmt.Sprint(kinds) != want || told.String() != text || at(events[len(events)-1], "response", "output", 0, "content", 0, "text") != text || at(events[0], "response", "status") != "in_progress" {
		t.Errorf("%v: %q", kinds, told.String())
	}
	// The instructions were of one request alone.
	_, next := post(t, h.URL+url, fmt.Sprintf(`{"model": "demo", "previous_response_id": %q, "input": "And cats?"%s}`, at(first, "id"), rest))
	if got := at(next, "output", 0, "content", 0, "text"); got != chat(fmt.Sprintf(`%s, {"role": "assistant", "content": %q}, {"role": "user", "content": "And cats?"}`, user, text)) || at(next, "previous_response_id") != at(first, "id") {
		t.Errorf("%v", next)
	}
	_, lp := post(t, h.URL+url, `{"model": "demo", "input": "x", "include": ["message.output_text.logprobs"], "top_logprobs": 1`+rest+`}`)
	if list, _ := at(lp, "output", 0, "content", 0, "logprobs").([]any); len(list) != 12 || at(list[0], "top_logprobs", 0, "token") == nil {
		t.Errorf("%v", lp)
	}
	_, form := post(t, h.URL+url, `{"model": "demo", "input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": {"enum": ["yes", "no"]}}}}`)
	if text := at(form, "output", 0, "content", 0, "text"); text != `"yes"` && text != `"no"` || at(form, "status") != "completed" {
		t.Errorf("%v", form)
	}
}

// TestStoredResponses: what is kept can be asked for and deleted, and what is not is not gone on from.
func TestStoredResponses(t *testing.T) {
	h, s := start(t, ModelOptions{}, Options{})
	url := h.URL + "/v1/responses"
	do := func(method, url string) (int, map[string]any) {
		q, _ := http.NewRequest(method, url, nil)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return r.StatusCode, decode(t, r.Body)
	}
	_, v := post(t, url, `{"model": "demo", "input": "x", "max_output_tokens": 2}`)
	one := url + "/" + at(v, "id").(string)
	if status, again := do("GET", one); status != 200 || fmt.Sprint(again) != fmt.Sprint(v) {
		t.Errorf("%d: %v, not %v", status, again, v)
	}
	if status, gone := do("DELETE", one); status != 200 || at(gone, "deleted") != true || at(gone, "id") != at(v, "id") {
		t.Errorf("%d: %v", status, gone)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if status, v := do(method, one); status != 404 || at(v, "error", "message") == "" {
			t.Errorf("%s: %d, %v", method, status, v)
		}
	}
	_, v = post(t, url, `{"model": "demo", "input": "x", "max_output_tokens": 2, "store": false}`)
	if status, e := post(t, url, fmt.Sprintf(`{"model": "demo", "input": "x", "previous_response_id": %q}`, at(v, "id"))); status != 400 || at(e, "error", "code") != "previous_response_not_found" {
		t.Errorf("%d: %v", status, e)
	}
	if s.responses.bytes != 0 {
		t.Errorf("%d bytes are held of nothing", s.responses.bytes)
	}
	if status, e := post(t, url, `{"model": "demo", "input": "`+strings.Repeat("dog ", 300)+`"}`); status != 400 || at(e, "error", "param") != "input" || at(e, "error", "code") != "context_length_exceeded" {
		t.Errorf("%d: %v", status, e)
	}
}

// TestResponseStore: what was asked for last stays, within the bytes there are.
func TestResponseStore(t *testing.T) {
	s := newResponseStore(8 << 10)
	keep := func(id string, n int) {
		s.keep(&openai.Response{ID: id}, []openai.Message{{Content: strings.Repeat("x", n)}})
	}
	keep("a", 1000)
	keep("b", 1000)
	if _, ok := s.messages("a"); !ok {
		t.Errorf("a is gone")
	}
	keep("c", 3000)
	keep("huge", 9000)
	for id, want := range map[string]bool{"a": true, "b": false, "c": true, "huge": false} {
		if _, ok := s.response(id); ok != want {
			t.Errorf("%s: %v", id, ok)
		}
	}
	if s.remove("a"); !s.remove("c") || s.remove("c") || s.bytes != 0 || s.order.Len() != 0 {
		t.Errorf("%d bytes, %d entries", s.bytes, s.order.Len())
	}
}
