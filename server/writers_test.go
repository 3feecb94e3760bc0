package server

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/anthropic"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/toolcall"
)

// spoke calls add with what a parser of Hermes's form makes of a text, which was cut off or not.
func spoke(t *testing.T, text string, cut bool, add func(said) error) {
	t.Helper()
	p := toolcall.Recognize(toolsTemplate).NewParser([]toolcall.Function{{Name: "f"}}, "")
	for _, next := range []func() []toolcall.Event{func() []toolcall.Event { return p.Next(text) }, func() []toolcall.Event { return p.Close(cut) }} {
		for _, e := range next() {
			if err := add(said{Event: e, id: "call_1"}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What is no call after all, when it has been told of; and what stops within one.
const (
	brokenCall  = "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": nothing</tool_call>!"
	stoppedCall = "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1"
)

// TestResponseOfBrokenCall: a call that came to nothing is no completed item, and no message of the conversation has it.
func TestResponseOfBrokenCall(t *testing.T) {
	for _, c := range []struct {
		text     string
		reason   reason
		streamed bool
		items    string
	}{
		{brokenCall, reasonStop, false, "[message completed]"},
		{brokenCall, reasonStop, true, "[function_call incomplete message completed]"},
		{stoppedCall, reasonStop, false, "[message completed]"},
		{stoppedCall, reasonStop, true, "[function_call incomplete message completed]"},
		{stoppedCall, reasonLength, false, "[function_call incomplete]"},
		{stoppedCall, reasonLength, true, "[function_call incomplete]"},
	} {
		told := map[string]string{} // by the item's type, its state when it was done
		w := &responseWriter{response: &openai.Response{}, id: "1", chances: func(said) []openai.TokenLogProb { return nil }}
		if c.streamed {
			w.send = func(e openai.ResponseEvent) error {
				if e.Type == "response.output_item.done" {
					told[e.Item.Type] = string(e.Item.Status)
				}
				return nil
			}
		}
		spoke(t, c.text, c.reason == reasonLength, w.add)
		if err := w.end(c.reason, openai.ResponseUsage{}); err != nil {
			t.Fatal(err)
		}
		items := []string{}
		for _, item := range w.response.Output {
			items = append(items, item.Type, string(item.Status))
			if c.streamed && told[item.Type] != string(item.Status) {
				t.Errorf("%s: %s was told of as %q", c.text, item.Type, told[item.Type])
			}
		}
		m := w.response.Message()
		if fmt.Sprint(items) != c.items || len(m.Calls) > 0 || c.reason == reasonStop && (m.Content != c.text || w.response.Status != openai.StatusCompleted) {
			t.Errorf("%s, streamed %v: %v, %+v", c.text, c.streamed, items, m)
		}
	}
}

// TestMessageOfBrokenCall: a whole message has no block of a call that came to nothing; of one that is streamed all blocks that began end.
func TestMessageOfBrokenCall(t *testing.T) {
	whole := &messageWriter{message: anthropic.NewMessage("1", "m", 1)}
	open, blocks := 0, 0
	streamed := &messageWriter{message: anthropic.NewMessage("1", "m", 1), send: func(e anthropic.Event) error {
		switch e.Type {
		case "content_block_start":
			open, blocks = open+1, blocks+1
		case "content_block_stop":
			open--
		}
		return nil
	}}
	for _, w := range []*messageWriter{whole, streamed} {
		spoke(t, brokenCall, false, w.add)
		if err := w.end(&spoken{Result: &generate.Result{}, reason: reasonStop}); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := json.Marshal(brokenCall)
	got, _ := json.Marshal(whole.message.Content)
	if want := fmt.Sprintf(`[{"type":"text","text":%s}]`, text); string(got) != want {
		t.Errorf("%s", got)
	}
	if open != 0 || blocks != 2 {
		t.Errorf("%d blocks began, %d did not end", blocks, open)
	}
}
