package generate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// hybrids are models some of whose layers have a state that cannot be taken back: tiny random ones of 61 tokens.
var hybrids = []string{"lfm2", "lfm2_moe", "qwen3_next", "qwen3_5_text", "granitemoehybrid", "falcon_h1", "nemotron_h"}

// openHybrid opens one for texts of 64 tokens.
func openHybrid(t *testing.T, name string, o transformer.Options) *transformer.Model {
	t.Helper()
	o.Context = 64
	m, err := transformer.Open(t.Context(), filepath.Join("..", "transformer", "testdata", "fixtures", name), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// words is a tokenizer of 61 words.
func words(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	list := make([]string, 61)
	for i := range list {
		list[i] = fmt.Sprintf(`"w%d": %d`, i, i)
	}
	tok, err := tokenizer.Parse(fmt.Appendf(nil, `{"model": {"type": "WordLevel", "unk_token": "w0", "vocab": {%s}}}`, strings.Join(list, ", ")), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// hybridRequests draw beginnings of which some go on with others', or with a part of them.
func hybridRequests(n int) []*Request {
	r := rand.New(rand.NewPCG(7, 7))
	var list []*Request
	for i := range n {
		prompt := make([]int, 0, 40)
		if i > 0 && r.IntN(2) == 0 {
			prompt = append(prompt, list[max(0, i-3)+r.IntN(min(i, 3))].Prompt...)
			if r.IntN(2) == 0 {
				prompt = prompt[:1+r.IntN(len(prompt))]
			}
		}
		for range 1 + r.IntN(12) {
			prompt = append(prompt, 3+r.IntN(58))
		}
		list = append(list, &Request{
			Prompt: prompt[:min(len(prompt), 40)], MaxTokens: 1 + r.IntN(24), Sampling: Options{Temperature: float32(r.IntN(2)), Seed: uint64(i)},
		})
	}
	return list
}

// TestHybridScheduler: texts of hybrids that come and go at any time, guessed or not, in caches with room for all or for fewer, have the results that they have alone.
func TestHybridScheduler(t *testing.T) {
	tok := words(t)
	for _, name := range hybrids {
		t.Run(name, func(t *testing.T) {
			alone := openHybrid(t, name, transformer.Options{Threads: 1, Chunk: 1})
			requests := hybridRequests(24)
			want := make([]*Result, len(requests))
			for i, r := range requests {
				var err error
				if want[i], err = runAlone(t, alone, tok, r); err != nil {
					t.Fatal(err)
				}
			}
			for _, o := range []transformer.Options{{Chunk: 5}, {Chunk: 16, Threads: 2, Contexts: 1}} {
				o.Sequences = 3
				for _, lookup := range []int{0, 6} {
					s := NewScheduler(&Batch{Model: openHybrid(t, name, o), Tokenizer: tok, Parallel: 3, Lookup: lookup}, 100)
					var wait sync.WaitGroup
					for i, r := range requests {
						wait.Go(func() {
							got, err := s.Do(t.Context(), r, func(Piece) error { return nil })
							if err != nil || !slices.Equal(got.OutputIDs, want[i].OutputIDs) || got.Text != want[i].Text {
								t.Errorf("chunk %d, lookup %d, text %d: %+v, %v; alone %+v", o.Chunk, lookup, i, got, err, want[i])
							}
						})
					}
					wait.Wait()
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// TestHybridPool: a session of the pool, whatever it has read before and wherever it was cut, has the logits of a new one; where a text goes on with
// all of another, that is not read again.
func TestHybridPool(t *testing.T) {
	for _, name := range hybrids {
		t.Run(name, func(t *testing.T) {
			fresh := openHybrid(t, name, transformer.Options{Threads: 1})
			p := NewPool(openHybrid(t, name, transformer.Options{Chunk: 7, Sequences: 2}), 2)
			defer p.Close()
			known := 0
			for i, r := range hybridRequests(40) {
				s, kept, err := p.Acquire(t.Context(), r.Prompt)
				if err != nil {
					t.Fatal(err)
				}
				known += kept
				got := lastLogits(t, s, r.Prompt[kept:])
				p.Release(s)
				alone, err := fresh.NewSession()
				if err != nil {
					t.Fatal(err)
				}
				if want := lastLogits(t, alone, r.Prompt); got != want {
					t.Errorf("text %d, of which %d tokens of %d were known, has other logits", i, kept, len(r.Prompt))
				}
				if err := alone.Close(); err != nil {
					t.Error(err)
				}
			}
			if known < 40 {
				t.Errorf("only %d tokens were known", known)
			}
		})
	}
}

// lastLogits has a session read ids and returns the hash of the logits that follow.
func lastLogits(t *testing.T, s *transformer.Session, ids []int) (hash string) {
	t.Helper()
	err := s.Forward(t.Context(), ids, len(ids)-1, func(_ int, x []float32) error {
		hash = receipt.HashFloat32(x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// TestHybridDraft: guesses of a hybrid, for a hybrid, change no token and no logits of a text, whether they come true or not.
func TestHybridDraft(t *testing.T) {
	tok := words(t)
	for i, name := range hybrids {
		t.Run(name, func(t *testing.T) {
			m := openHybrid(t, name, transformer.Options{Chunk: 9})
			drafts := map[string]*Pool{"itself": NewPool(openHybrid(t, name, transformer.Options{}), 1)}
			drafts["another"] = NewPool(openHybrid(t, hybrids[(i+1)%len(hybrids)], transformer.Options{}), 1)
			defer func() {
				if err := errors.Join(drafts["itself"].Close(), drafts["another"].Close()); err != nil {
					t.Error(err)
				}
			}()
			right, wrong := 0, 0
			for n, r := range hybridRequests(12) {
				run := func(draft *Pool) (ids []int, logits []string) {
					s, err := m.NewSession()
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					g := &Generator{Tokenizer: tok, Sampler: sampler(t, r.Sampling), Draft: draft}
					if draft != nil {
						g.Lookup = 5
					}
					g.Logits = func(x []float32) error {
						logits = append(logits, receipt.HashFloat32(x))
						return nil
					}
					result, err := g.Run(t.Context(), s, r.Prompt, r.MaxTokens, func(string) error { return nil })
					if err != nil {
						t.Fatal(err)
					}
					right, wrong = right+result.Right, wrong+result.Guessed-result.Right
					return result.OutputIDs, logits[:result.Drawn]
				}
				ids, logits := run(nil)
				for _, by := range []string{"itself", "another"} {
					gotIDs, gotLogits := run(drafts[by])
					if !slices.Equal(gotIDs, ids) || !slices.Equal(gotLogits, logits) {
						t.Errorf("text %d, guessed by %s: %v, without %v; the same logits: %v", n, by, gotIDs, ids, slices.Equal(gotLogits, logits))
					}
				}
			}
			if right < 20 || wrong < 20 {
				t.Errorf("%d guesses were right, %d wrong: too few to tell anything", right, wrong)
			}
		})
	}
}
