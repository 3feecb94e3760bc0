package generate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// convertDemo makes a model directory of the built-in checkpoint.
func convertDemo(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	src, dst := filepath.Join(root, "checkpoint"), filepath.Join(root, "model")
	if err := demo.Extract(src); err != nil {
		t.Fatal(err)
	}
	convertTo(t, src, dst)
	return dst
}

// start opens a model for a generator.
func start(t *testing.T, dir string, o transformer.Options, s Options) (*Generator, *transformer.Session) {
	t.Helper()
	m, err := transformer.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	session, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(session.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &Generator{Tokenizer: tok, Sampler: sampler(t, s)}, session
}

const opening = "Once upon a time, there was a little"

func TestRun(t *testing.T) {
	dir := convertDemo(t)
	var want string
	for _, o := range []transformer.Options{{Context: 200}, {Context: 200, Threads: 3, Chunk: 2}, {Context: 128, Memory: 64 << 20}} {
		g, s := start(t, dir, o, Options{Temperature: 0.7, TopK: 30, Seed: 4})
		var emitted strings.Builder
		r, err := g.Run(t.Context(), s, encode(t, g.Tokenizer, opening, true), 40, func(text string) error {
			if !utf8.ValidString(text) {
				t.Errorf("emitted %q, part of a character", text)
			}
			emitted.WriteString(text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Text != emitted.String() || r.Stop != StopLength || len(r.OutputIDs) != 40 {
			t.Errorf("%+v, emitted %q", r, emitted.String())
		}
		if !strings.HasPrefix(r.Text, " ") {
			t.Errorf("the first word %q does not stand apart from the prompt", r.Text)
		}
		if want == "" {
			want = r.Text
		} else if r.Text != want {
			t.Errorf("%+v: %q, want %q", o, r.Text, want)
		}
	}
}

func TestRunStops(t *testing.T) {
	dir := convertDemo(t)
	g, s := start(t, dir, transformer.Options{Context: 24}, Options{})
	ids := encode(t, g.Tokenizer, opening, true)
	emit := func(string) error { return nil }

	if _, err := g.Run(t.Context(), s, nil, 5, emit); !errors.Is(err, ErrPrompt) {
		t.Errorf("no prompt: %v", err)
	}
	r, err := g.Run(t.Context(), s, ids, 100, emit)
	if err != nil || r.Stop != StopContext || len(ids)+len(r.OutputIDs) != 25 {
		t.Errorf("a context of 24: %d and %d tokens, %s, %v", len(ids), len(r.OutputIDs), r.Stop, err)
	}
	s.Reset(0)
	if r, err := g.Run(t.Context(), s, make([]int, 25), 1, emit); !errors.Is(err, transformer.ErrContext) || r.Stop != StopError || len(r.PromptIDs) > 0 {
		t.Errorf("a prompt beyond the context: %+v, %v", r, err)
	}

	s.Reset(0)
	ctx, cancel := context.WithCancel(t.Context())
	pieces := 0
	r, err = g.Run(ctx, s, ids, 100, func(string) error {
		if pieces++; pieces == 3 {
			cancel()
		}
		return nil
	})
	if err != nil || r.Stop != StopCancel || len(r.OutputIDs) != 3 {
		t.Errorf("cancelled after 3: %d tokens, %s, %v", len(r.OutputIDs), r.Stop, err)
	}

	s.Reset(0)
	broken := errors.New("broken pipe")
	if r, err := g.Run(t.Context(), s, ids, 100, func(string) error { return broken }); !errors.Is(err, broken) || len(r.OutputIDs) != 1 || r.Stop != StopError {
		t.Errorf("emit fails: %d tokens, %v", len(r.OutputIDs), err)
	}

	s.Reset(0)
	g.Stop = []int{encode(t, g.Tokenizer, " girl", false)[0]}
	if r, err := g.Run(t.Context(), s, ids, 100, emit); err != nil || r.Stop != StopToken {
		t.Errorf("stop token: %q, %s, %v", r.Text, r.Stop, err)
	}
}

// TestDamageInMidRun cuts a streamed matrix's file off while the model runs: the
// text so far is kept, and the error names the file.
func TestDamageInMidRun(t *testing.T) {
	if testing.Short() {
		t.Skip("plans a hundred times")
	}
	dir := convertDemo(t)
	o := transformer.Options{Context: 64, Threads: 4}
	start(t, dir, o, Options{}) // another model is open, as when the one to break opens
	least, err := transformer.PlanFor(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Memory = least.Minimum + 2<<20
	for err == nil { // until there is no room for weights
		o.Reserve += 64 << 10
		_, err = transformer.PlanFor(t.Context(), dir, o)
	}
	o.Reserve -= 256 << 10
	g, s := start(t, dir, o, Options{})
	n := 0
	r, err := g.Run(t.Context(), s, encode(t, g.Tokenizer, opening, true), 20, func(string) error {
		if n++; n == 4 {
			return os.Truncate(filepath.Join(dir, "model_layers_3_mlp_down_proj_weight.cdna2.hxz"), 5000)
		}
		return nil
	})
	if !errors.Is(err, cdna.ErrTruncated) || len(r.OutputIDs) != 4 || r.Stop != StopError || !strings.Contains(fmt.Sprint(err), "down_proj") {
		t.Errorf("%d tokens, %v", len(r.OutputIDs), err)
	}
}

// TestVocabularies pairs a model with a tokenizer that has fewer tokens, and with one
// that has more.
func TestVocabularies(t *testing.T) {
	dir := convertDemo(t)
	g, s := start(t, dir, transformer.Options{Context: 64}, Options{Temperature: 100})
	vocab := g.Tokenizer.VocabSize()
	words := func(n int) *tokenizer.Tokenizer {
		v := tokenizer.GGUFVocabulary{Model: "llama", Tokens: make([]string, n), Scores: make([]float32, n)}
		for i := range n {
			v.Tokens[i] = fmt.Sprintf("t%d", i)
		}
		tok, err := tokenizer.FromGGUF(v)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	emit := func(string) error { return nil }
	g.Tokenizer = words(20)
	r, err := g.Run(t.Context(), s, []int{3, 5}, 40, emit)
	if err != nil || len(r.OutputIDs) < 5 || slices.Max(r.OutputIDs) >= 20 {
		t.Errorf("20 tokens of %d: %v, %v", vocab, r.OutputIDs, err)
	}
	g.Tokenizer = words(vocab + 1)
	s.Reset(0)
	if r, err := g.Run(t.Context(), s, []int{3}, 5, emit); !errors.Is(err, ErrVocabulary) || len(r.OutputIDs) != 0 {
		t.Errorf("a token too many: %v, %v", r.OutputIDs, err)
	}
}

// encode is Encode of a text that the tokenizer must be able to encode.
func encode(t *testing.T, tok *tokenizer.Tokenizer, text string, special bool) []int {
	t.Helper()
	ids, err := tok.Encode(text, special)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// byteTokenizer has a token for every byte and every small letter, as SentencePiece's models
// have: characters in several tokens are certain only when another one comes.
func byteTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	vocab := []string{`"<unk>": 0`, `"<s>": 1`}
	add := func(token string) { vocab = append(vocab, fmt.Sprintf("%q: %d", token, len(vocab))) }
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b))
	}
	add("▁")
	for c := 'a'; c <= 'z'; c++ {
		add(string(c))
	}
	tok, err := tokenizer.Parse([]byte(`{"added_tokens": [{"id": 1, "content": "<s>", "special": true}],
		"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
		"decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
		"model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "merges": [], "vocab": {`+strings.Join(vocab, ", ")+`}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestRunGoesOn: a text is what comes after its prompt, and the same however much of the prompt
// the session knew before.
func TestRunGoesOn(t *testing.T) {
	_, s := start(t, convertDemo(t), transformer.Options{Context: 64}, Options{})
	tok := byteTokenizer(t)
	for seed := range uint64(8) {
		prompt := append(encode(t, tok, "one wait… é", false), 1) // which has no text
		prompt = prompt[:len(prompt)-int(seed)%5]
		before := tok.DecodeSkip(prompt, true)
		var first string
		for kept := range len(prompt) {
			s.Reset(0)
			if err := s.Forward(t.Context(), prompt[:kept], kept, nil); err != nil {
				t.Fatal(err)
			}
			g := &Generator{Tokenizer: tok, Sampler: sampler(t, Options{Temperature: 1, Seed: seed})}
			r, err := g.Run(t.Context(), s, prompt[kept:], 12, func(string) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if kept == 0 {
				first = r.Text
			}
			whole := tok.DecodeSkip(slices.Concat(prompt, r.OutputIDs), true)
			if r.Text != first || strings.HasPrefix(whole, before) && before+r.Text != whole {
				t.Errorf("after %q, of which %d were known, came %q, not %q: %q", before, kept, r.Text, first, whole)
			}
		}
	}
}
