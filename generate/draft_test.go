package generate

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// located is where the model at a path lies.
func located(t *testing.T, path string) checkpoint.Location {
	t.Helper()
	at, err := checkpoint.Find(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// openDrafted opens a model with a draft beside it, and pools of n sessions of both.
func openDrafted(t *testing.T, dir, draft string, o transformer.Options, n int) (pool, drafts *Pool) {
	t.Helper()
	o.Draft, o.Sequences = located(t, draft), n
	opening, err := Begin(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := opening.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pool, drafts = NewPool(m, n), NewPool(m.Draft, n)
	t.Cleanup(func() {
		if err := errors.Join(pool.Close(), drafts.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	return pool, drafts
}

// TestDraftConversation: a conversation with a draft is the one without, and the draft reads of a turn only what is new.
func TestDraftConversation(t *testing.T) {
	dir := convertTalk(t)
	p, drafts := openDrafted(t, dir, dir, runOptions, 1)
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	var texts [2][]string
	for i := range texts {
		g := &Generator{Tokenizer: tok, Sampler: sampler(t, Options{Temperature: 0.8, Seed: 3})}
		if i == 1 {
			g.Lookup, g.Draft = 4, drafts
		}
		c, err := NewConversation(p, g, ConversationOptions{MaxTokens: 12})
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range []string{"Tell me a story.", "Who was there?", "And then?", "Was it a dog?"} {
			turn, err := c.Ask(t.Context(), line)
			if err != nil {
				t.Fatal(err)
			}
			prompt := turn.Prompt()
			if i == 1 && n > 0 && turn.Forgotten == 0 { // it has all that the text had before the line
				s, kept, err := drafts.Acquire(t.Context(), prompt)
				if err != nil {
					t.Fatal(err)
				}
				if drafts.Release(s); kept < turn.Kept-g.Lookup-1 {
					t.Errorf("turn %d: the draft has %d tokens, the model %d", n, kept, turn.Kept)
				}
			}
			r, err := turn.Answer(t.Context(), func(string) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 && r.Right != r.Guessed || (i == 1) != (r.Guessed > 0) {
				t.Errorf("turn %d: %d of %d guesses of the model itself were right", n, r.Right, r.Guessed)
			}
			texts[i] = append(texts[i], r.Text)
		}
	}
	if !slices.Equal(texts[0], texts[1]) {
		t.Errorf("%q, without a draft %q", texts[1], texts[0])
	}
}

// TestDraftFollows: what a draft has read is the text, but for its last tokens, however many guesses were wrong.
func TestDraftFollows(t *testing.T) {
	dir, src, worse := convertDemo(t), filepath.Join(t.TempDir(), "checkpoint"), filepath.Join(t.TempDir(), "worse")
	if err := demo.Extract(src); err != nil {
		t.Fatal(err)
	}
	convertTo(t, src, worse, "snr=12")
	p, drafts := openDrafted(t, dir, worse, transformer.Options{Context: 200}, 1)
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	prompt := encode(t, tok, opening, true)
	s, _, err := p.Acquire(t.Context(), prompt)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release(s)
	g := &Generator{Tokenizer: tok, Sampler: sampler(t, Options{}), Lookup: 4, Draft: drafts}
	r, err := g.Run(t.Context(), s, prompt, 100, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if wrong := r.Guessed - r.Right; wrong < 20 {
		t.Errorf("%d of %d guesses were wrong: too few to tell anything", wrong, r.Guessed)
	}
	text := slices.Concat(prompt, r.OutputIDs)
	d, kept, err := drafts.Acquire(t.Context(), text)
	if err != nil || len(text)-kept > g.Lookup+1 {
		t.Errorf("of a text of %d tokens the draft has read %d: %v", len(text), kept, err)
	}
	drafts.Release(d)
}

// TestDraftVocabulary: a draft is one of the same tokens, whatever file has them; another is refused, and the first token
// that differs is named.
func TestDraftVocabulary(t *testing.T) {
	dir := convertDemo(t)
	for _, swapped := range []bool{false, true} {
		draft := filepath.Join(t.TempDir(), "draft")
		if err := demo.Extract(draft); err != nil {
			t.Fatal(err)
		}
		if swapped {
			swapTokens(t, filepath.Join(draft, "tokenizer.json"), 400, 401)
		}
		o, err := Begin(t.Context(), dir, transformer.Options{Context: 32, Draft: located(t, draft)})
		switch {
		case !swapped && err != nil:
			t.Error(err)
		case swapped && (!errors.Is(err, ErrDraft) || !strings.HasPrefix(err.Error(), draft+" does not guess for "+dir+": token 400 is ")):
			t.Errorf("a draft with two tokens swapped: %v", err)
		}
		if err == nil {
			o.Close()
		}
	}
	none := filepath.Join(t.TempDir(), "draft")
	if err := demo.Extract(none); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(none, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(t.Context(), dir, transformer.Options{Draft: located(t, none)}); !errors.Is(err, ErrNoTokenizer) {
		t.Errorf("a draft without a tokenizer: %v", err)
	}
}

// swapTokens gives two tokens of a tokenizer each other's ids.
func swapTokens(t *testing.T, path string, a, b float64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	vocab := file["model"].(map[string]any)["vocab"].(map[string]any)
	for token, id := range vocab {
		switch id {
		case a:
			vocab[token] = b
		case b:
			vocab[token] = a
		}
	}
	if text, err = json.Marshal(file); err == nil {
		err = os.WriteFile(path, text, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamagedDraft: what is wrong with a draft ends the text with an error of its own, and leaves what came before.
func TestDamagedDraft(t *testing.T) {
	dir := convertDemo(t)
	g, s := start(t, dir, transformer.Options{Context: 64}, Options{})
	m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	g.Lookup, g.Draft = 4, NewPool(m, 1)
	if err := errors.Join(g.Draft.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	prompt := encode(t, g.Tokenizer, opening, true)
	r, err := g.Run(t.Context(), s, prompt, 20, func(string) error { return nil })
	if !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "draft: ") || r.Stop != StopError || len(r.OutputIDs) != 1 || s.Position() != len(prompt) {
		t.Errorf("a draft that is closed: %+v, %v", r, err)
	}
}

// TestDraftEnds: with a draft a text ends as it does without, in the same state, where the context is tiny or full, at the model's
// own end, and where it is cancelled, in the middle of guesses too.
func TestDraftEnds(t *testing.T) {
	dir := convertDemo(t)
	for _, size := range []int{1, 2, 3, 9, 30, 400} {
		g, s := start(t, dir, transformer.Options{Context: size}, Options{})
		prompt := encode(t, g.Tokenizer, opening, true)
		prompt = prompt[:min(len(prompt), size)]
		m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: size})
		if err != nil {
			t.Fatal(err)
		}
		drafts := NewPool(m, 1)
		run := func(drafts *Pool, n, cancelAt int) (*Result, guessedRun) {
			s.Reset(0)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			g := &Generator{Tokenizer: g.Tokenizer, Sampler: sampler(t, Options{Seed: 2, Temperature: 0.5}), Draft: drafts}
			if drafts != nil {
				g.Lookup = 6
			}
			emitted := 0
			r, err := g.Run(ctx, s, prompt, n, func(string) error {
				if emitted++; emitted == cancelAt {
					cancel()
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r, guessedRun{tokens: s.Tokens(), next: g.Sampler.random.Float64(), recent: g.Sampler.recent}
		}
		for _, cancelAt := range []int{0, 1, 2, 5} {
			want, state := run(nil, 500, cancelAt)
			got, drafted := run(drafts, 500, cancelAt)
			if !slices.Equal(got.OutputIDs, want.OutputIDs) || got.Text != want.Text || got.Stop != want.Stop || !reflect.DeepEqual(drafted, state) {
				t.Errorf("a context of %d, cancelled at %d: %+v %v, without a draft %+v %v", size, cancelAt, got, drafted, want, state)
			}
			if size > len(prompt)+2 && cancelAt == 0 && got.Guessed == 0 {
				t.Errorf("a context of %d: nothing was guessed", size)
			}
		}
		if err := errors.Join(drafts.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	}
}
