package generate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// convertTalk is convertDemo of a model with a chat template.
func convertTalk(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	src, dst := filepath.Join(root, "checkpoint"), filepath.Join(root, "model")
	if err := demo.Extract(src); err != nil {
		t.Fatal(err)
	}
	template := "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
	if err := os.WriteFile(filepath.Join(src, "chat_template.jinja"), []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	convertTo(t, src, dst)
	return dst
}

// said is what a turn came to.
type said struct {
	Text             string
	Logits           []string
	Forgotten, Total int
}

// talk holds a conversation, and says how many tokens were kept.
func talk(t *testing.T, p *Pool, dir string, between func()) (turns []said, kept int) {
	t.Helper()
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := &Generator{Tokenizer: tok, Sampler: sampler(t, Options{Temperature: 0.9, RepeatPenalty: 1.3, Seed: 3})}
	var hashes receipt.Hasher
	g.Logits = func(x []float32) error {
		hashes.Add(x)
		return nil
	}
	c, err := NewConversation(p, g, ConversationOptions{System: "Be brief.", MaxTokens: 12})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Tell me a story.", "Who was there?", "And then?", "Was it a dog?", "The end."} {
		turn, err := c.Ask(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		kept += turn.Kept
		total := turn.Kept
		r, err := turn.Answer(t.Context(), func(string) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, said{r.Text, hashes.Sums(), turn.Forgotten, total + len(r.PromptIDs)})
		between()
	}
	return turns, kept
}

// TestConversation: with a session that keeps what it knows, and with one that has to read
// all of it again in each turn, the logits of every token have the same bits; and old turns
// are forgotten when the context is full.
func TestConversation(t *testing.T) {
	dir := convertTalk(t)
	p := openPool(t, dir, runOptions, 1)
	keeping, kept := talk(t, p, dir, func() {})
	forget := func() { read(t, p, slices.Repeat([]int{99}, runOptions.Context)...) } // there is no room for more
	forget()
	again, none := talk(t, p, dir, forget)
	if !reflect.DeepEqual(keeping, again) {
		t.Errorf("keeping\n%v\nagain\n%v", keeping, again)
	}
	if kept < 20 || none > 0 {
		t.Errorf("%d and %d tokens were kept", kept, none)
	}
	forgotten := 0
	for _, turn := range keeping {
		if forgotten += turn.Forgotten; turn.Total > runOptions.Context-12 {
			t.Errorf("no room for an answer: %+v", turn)
		}
	}
	if forgotten == 0 {
		t.Error("nothing was forgotten, so that is not tested")
	}
}

// TestConversationCut: an answer that was cut off counts as far as it came; a turn that
// failed, or that was closed, does not count.
func TestConversationCut(t *testing.T) {
	dir := convertTalk(t)
	p := openPool(t, dir, transformer.Options{Context: 256}, 1)
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewConversation(p, &Generator{Tokenizer: tok, Sampler: sampler(t, Options{})}, ConversationOptions{})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(ctx context.Context, emit func(string) error) (*Result, error) {
		t.Helper()
		turn, err := c.Ask(t.Context(), "Tell me a story.")
		if err != nil {
			t.Fatal(err)
		}
		defer turn.Close()
		return turn.Answer(ctx, emit)
	}
	broken := errors.New("broken pipe")
	if _, err := answer(t.Context(), func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := answer(ended, nil); err != nil || r.Stop != StopCancel {
		t.Errorf("%+v, %v", r, err)
	}
	turn, err := c.Ask(t.Context(), "Never mind.")
	if err != nil {
		t.Fatal(err)
	}
	turn.Close()
	if m := c.Messages(); len(m) != 0 {
		t.Errorf("nothing was answered, but there is %v", m)
	}
	n := 0
	r, err := answer(t.Context(), func(string) error {
		if n++; n == 4 {
			return ErrBreak
		}
		return nil
	})
	m := c.Messages()
	if err != nil || len(m) != 2 || m[1] != (Message{"assistant", strings.TrimSpace(r.Text)}) || r.Text == "" {
		t.Errorf("%v, %v", m, err)
	}
	if r, err := answer(t.Context(), func(string) error { return nil }); err != nil || len(r.OutputIDs) == 0 || len(c.Messages()) != 4 {
		t.Errorf("%v, %v", c.Messages(), err)
	}
}
