package generate

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// batchRequests are requests of every kind, some of which cannot be answered.
func batchRequests(t *testing.T, tok *tokenizer.Tokenizer, n, context int) []*Request {
	random := rand.New(rand.NewPCG(3, 5))
	beginnings := []string{"Once upon a time", "Once upon a time there was a little dog", "One day, Lily", "The sun", "Tom and his mom went to the park. Tom saw a big"}
	var list []*Request
	for i := range n {
		r := &Request{Prompt: encode(t, tok, beginnings[random.IntN(len(beginnings))], true), MaxTokens: random.IntN(40)}
		if random.IntN(2) == 0 {
			r.Sampling = Options{Temperature: 1, TopP: 0.9, Seed: uint64(i), TopK: 30 * random.IntN(2), RepeatPenalty: 1 + float32(random.IntN(2))}
		}
		switch i % 9 {
		case 1: // there is something to guess from
			r.Prompt, r.MaxTokens = slices.Concat(r.Prompt, r.Prompt), 40
		case 2:
			r.StopTexts = []string{"little", "."}
		case 4:
			r.Prompt = nil
		case 5:
			r.Sampling.TopP = 2
			if i%2 == 0 {
				r.Sampling.TopP, r.StopTexts = 0, []string{""}
			}
		case 6:
			r.Prompt = slices.Concat(r.Prompt, make([]int, context))
		case 7:
			r.Prompt = append(r.Prompt, -1)
		case 8:
			r.Stop = encode(t, tok, " to", false)
			r.MaxTokens = 0
		}
		list = append(list, r)
	}
	return list
}

// runAlone is what a generator makes of a request.
func runAlone(t *testing.T, m *transformer.Model, tok *tokenizer.Tokenizer, r *Request) (*Result, error) {
	sampler, err := NewSampler(r.Sampling)
	if err != nil {
		return nil, err
	}
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := r.MaxTokens
	if n == 0 {
		n = 1 << 20
	}
	g := &Generator{Tokenizer: tok, Sampler: sampler, Stop: r.Stop, StopTexts: r.StopTexts}
	if r.Adjust != nil {
		g.Logits = func(logits []float32) error { return r.Adjust(nil, logits) }
	}
	return g.Run(t.Context(), s, r.Prompt, n, func(string) error { return nil })
}

// TestBatch: in whatever company, every request has the result that it has alone, and the
// errors are its own.
func TestBatch(t *testing.T) {
	dir := convertDemo(t)
	const context = 48
	g, s := start(t, dir, transformer.Options{Context: context, Threads: 1, Chunk: 1}, Options{})
	s.Close()
	tok := g.Tokenizer
	alone, err := transformer.Open(t.Context(), dir, transformer.Options{Context: context})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	requests := batchRequests(t, tok, 27, context)
	type outcome struct {
		*Result
		err error
	}
	want := make([]outcome, len(requests))
	for i, r := range requests {
		want[i].Result, want[i].err = runAlone(t, alone, tok, r)
	}
	for _, c := range []struct {
		parallel, lookup int
		o                transformer.Options
	}{
		{0, 0, transformer.Options{}}, {3, 0, transformer.Options{Chunk: 5}}, {7, 0, transformer.Options{Threads: 3}}, {4, 0, transformer.Options{Memory: 1}},
		{9, 0, transformer.Options{Chunk: 4}}, {0, 16, transformer.Options{}}, {3, 2, transformer.Options{Chunk: 5}}, {7, 16, transformer.Options{Memory: 1}},
	} {
		o := c.o
		o.Context, o.Sequences = context, max(1, c.parallel)
		if o.Memory > 0 {
			o.Memory = 0
			p, err := transformer.PlanFor(t.Context(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Memory = p.Minimum + 2<<20
		}
		m, err := transformer.Open(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		seen, guessed := make([]bool, len(requests)), 0
		b := &Batch{Model: m, Tokenizer: tok, Parallel: c.parallel, Lookup: c.lookup}
		err = b.Run(t.Context(), slices.Values(requests), func(i int, r *Result, err error) error {
			w := want[i]
			if seen[i] {
				t.Errorf("request %d is done twice", i)
			}
			seen[i], guessed = true, guessed+r.Guessed
			if (err == nil) != (w.err == nil) || err != nil && r.Stop != StopError {
				t.Errorf("request %d: %v, alone %v", i, err, w.err)
			} else if err == nil && (!slices.Equal(r.OutputIDs, w.OutputIDs) || r.Text != w.Text || r.Stop != w.Stop || !slices.Equal(r.PromptIDs, w.PromptIDs)) {
				t.Errorf("%+v, request %d:\n%+v, alone\n%+v", c, i, r, w.Result)
			}
			for _, known := range []error{ErrPrompt, ErrOption, transformer.ErrContext, transformer.ErrToken} {
				if errors.Is(err, known) != errors.Is(w.err, known) {
					t.Errorf("request %d: %v, alone %v", i, err, w.err)
				}
			}
			return nil
		})
		if i := slices.Index(seen, false); err != nil || i >= 0 {
			t.Errorf("%+v: request %d is not done, %v", c, i, err)
		}
		if guessed > 0 != (c.lookup > 0) {
			t.Errorf("%+v: %d tokens were guessed", c, guessed)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestBatchEnds: a batch ends with its context and with an error of done, and takes no
// more requests than it has places for.
func TestBatchEnds(t *testing.T) {
	dir := convertDemo(t)
	g, s := start(t, dir, transformer.Options{Context: 64, Sequences: 4}, Options{})
	s.Close()
	m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: 64, Sequences: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	b := &Batch{Model: m, Tokenizer: g.Tokenizer, Parallel: 3}
	prompt := encode(t, g.Tokenizer, opening, true)
	for _, cancelled := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		broken, asked, done := errors.New("broken"), 0, 0
		err := b.Run(ctx, func(yield func(*Request) bool) {
			for asked = 1; yield(&Request{Prompt: prompt, MaxTokens: 5 * asked}); asked++ {
			}
		}, func(int, *Result, error) error {
			if done++; asked > done+3 {
				t.Errorf("%d requests are asked for when %d are done", asked, done)
			}
			if done < 4 {
				return nil
			}
			if cancelled {
				cancel()
				return nil
			}
			return broken
		})
		if want := map[bool]error{false: broken, true: context.Canceled}[cancelled]; !errors.Is(err, want) || done != 4 {
			t.Errorf("%v after %d, want %v", err, done, want)
		}
	}
	if err := b.Run(t.Context(), slices.Values([]*Request(nil)), nil); err != nil {
		t.Errorf("no requests: %v", err)
	}
	b.Lookup = -1
	if err := b.Run(t.Context(), slices.Values([]*Request(nil)), nil); !errors.Is(err, ErrOption) {
		t.Errorf("fewer guesses than none: %v", err)
	}
}
