package generate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// run is all that is known of a text after it was generated.
type guessedRun struct {
	result *Result
	err    string
	emits  []string
	logits []string // hashes
	tokens []int    // of the session
	next   float64  // the sampler's next random number
	recent []int
}

// TestGuessesChangeNothing runs texts with and without guesses: whatever ends them, results, what was emitted, the logits
// that tokens were drawn from, the session and the sampler are the same.
func TestGuessesChangeNothing(t *testing.T) {
	dir := convertDemo(t)
	g, s := start(t, dir, transformer.Options{Context: 120}, Options{})
	ways := guessers(t, dir)
	// The same story twice, so that there is something to guess from.
	story := "Once upon a time, there was a little girl named Lily. She had a red ball. She had a red ball. "
	prompt := encode(t, g.Tokenizer, strings.Repeat(story, 2), true)
	random := rand.New(rand.NewPCG(1, 2))
	right, wrong := map[string]int{}, map[string]int{}
	runs := 40
	if testing.Short() { // which look for races
		runs = 10
	}
	for i := range runs {
		o := Options{Seed: uint64(i), Temperature: []float32{0, 0.3, 0.9}[i%3], RepeatPenalty: []float32{1, 1, 1.1}[i/3%3]}
		n, errorAt, breakAt := 1+random.IntN(100), -1, -1
		var stopTexts []string
		var stopIDs []int
		run := func(by *Pool, guesses int) (r guessedRun) {
			s.Reset(0)
			g := &Generator{Tokenizer: g.Tokenizer, Sampler: sampler(t, o), Stop: stopIDs, StopTexts: stopTexts, Lookup: guesses, Draft: by}
			g.Logits = func(x []float32) error {
				if len(r.logits) == errorAt {
					return errors.New("no more logits")
				}
				r.logits = append(r.logits, receipt.HashFloat32(x))
				return nil
			}
			var err error
			r.result, err = g.Run(t.Context(), s, prompt[:20+i%(len(prompt)-20)], n, func(text string) error {
				r.emits = append(r.emits, text)
				if len(r.emits) == breakAt {
					return ErrBreak
				}
				return nil
			})
			r.err = fmt.Sprint(err)
			if len(r.logits) > r.result.Drawn {
				r.logits = r.logits[:r.result.Drawn]
			}
			r.tokens, r.next, r.recent = s.Tokens(), g.Sampler.random.Float64(), g.Sampler.recent
			return r
		}
		if output := run(nil, 0).result.OutputIDs; len(output) > 0 {
			at := random.IntN(len(output)) // where it is to end
			switch i % 5 {
			case 1:
				stopTexts = []string{g.Tokenizer.Decode(output[at:min(at+2, len(output))])}
			case 2:
				stopIDs = output[at:][:1]
				errorAt = slices.Index(output, output[at]) + 1 // which only guesses come to
			case 3:
				breakAt = 1 + at
			case 4:
				errorAt = at
			}
		}
		want := run(nil, 0)
		for _, way := range ways {
			got := run(way.draft, way.guesses)
			right[way.name] += got.result.Right
			wrong[way.name] += got.result.Guessed - got.result.Right
			r := *got.result
			r.Guessed, r.Right, r.PromptTime, r.GenerateTime = 0, 0, want.result.PromptTime, want.result.GenerateTime
			got.result = &r
			if a, b := fmt.Sprintf("%+v %+v", *want.result, want), fmt.Sprintf("%+v %+v", *got.result, got); strings.ReplaceAll(a, fmt.Sprintf("%p", want.result), "") != strings.ReplaceAll(b, fmt.Sprintf("%p", got.result), "") {
				t.Fatalf("run %d, %d guesses of %s:\n%s\nwithout:\n%s", i, way.guesses, way.name, b, a)
			}
		}
	}
	for _, name := range []string{"the text", "a worse one", "a short one"} {
		if right[name] < runs || wrong[name] < runs {
			t.Errorf("%d guesses of %s were right and %d wrong: too few to tell anything", right[name], name, wrong[name])
		}
	}
	// The same model draws the same, unless an error or a stop text came first.
	if n := right["itself"]; n < 12*runs || wrong["itself"] > n/5 {
		t.Errorf("%d guesses of the model itself were right, %d wrong", n, wrong["itself"])
	}
	if n := wrong["another"]; n < 12*runs || right["another"] > n/10 {
		t.Errorf("%d guesses of another model were right, %d wrong", right["another"], n)
	}
}

// way is a way to guess.
type way struct {
	name    string
	draft   *Pool // nil: from the text
	guesses int
}

// guessers are ways to guess for the model in dir, with models of every quality.
func guessers(t *testing.T, dir string) []way {
	root := t.TempDir()
	worse, another := filepath.Join(root, "worse"), filepath.Join(root, "another")
	if err := demo.Extract(filepath.Join(root, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	convertTo(t, filepath.Join(root, "checkpoint"), worse, "snr=12")
	pool := func(dir string, context int) *Pool {
		m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: context, Chunk: 7})
		if err != nil {
			t.Fatal(err)
		}
		p := NewPool(m, 1)
		t.Cleanup(func() {
			if err := errors.Join(p.Close(), m.Close()); err != nil {
				t.Error(err)
			}
		})
		return p
	}
	itself := pool(dir, 120)
	if err := (bench.Llama{Layers: 1, Hidden: 32, FFN: 32, Heads: 2, KVHeads: 1, Vocab: itself.model.Config.Vocab}).Make(t.Context(), another, 16, "zstd"); err != nil {
		t.Fatal(err)
	}
	return []way{
		{"the text", nil, 1}, {"the text", nil, 3}, {"the text", nil, 16}, {"itself", itself, 16}, {"a worse one", pool(worse, 150), 8}, {"a short one", pool(worse, 60), 5},
		{"another", pool(another, 120), 4},
	}
}

// TestGuessesOfACancelledPass: where the context ends between the logits of guesses, sampler and session are those of a text
// of as many tokens as the result has.
func TestGuessesOfACancelledPass(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	// The vocabulary is so large that the logits of 17 tokens are made in three parts.
	if err := (bench.Llama{Layers: 1, Hidden: 32, FFN: 32, Heads: 2, KVHeads: 1, Vocab: 4096}).Make(t.Context(), dir, 16, "zstd"); err != nil {
		t.Fatal(err)
	}
	tok, err := OpenTokenizer(convertDemo(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: 200, Chunk: 17})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const first, cycle = 300, 20 // tokens that come again and again
	var prompt []int
	for i := range 3 * cycle {
		prompt = append(prompt, first+i%cycle)
	}
	run := func(guesses, n, cancelAt int) guessedRun {
		s.Reset(0)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		drawn := 0
		g := &Generator{Tokenizer: tok, Sampler: sampler(t, Options{Seed: 1, Temperature: 1}), Lookup: guesses, Logits: func(x []float32) error {
			clear(x)
			x[first+drawn%cycle] = 1000
			if drawn++; drawn == cancelAt {
				cancel()
			}
			return nil
		}}
		r, err := g.Run(ctx, s, prompt, n, func(string) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return guessedRun{result: r, tokens: s.Tokens(), next: g.Sampler.random.Float64(), recent: g.Sampler.recent}
	}
	givenUp := 0
	for at := 1; at < 40; at++ {
		got := run(16, 60, at)
		n := len(got.result.OutputIDs)
		if got.result.Stop != StopCancel || got.result.Drawn != n {
			t.Fatalf("cancelled at %d: %+v", at, got.result)
		}
		if n < at {
			givenUp++
		}
		want := guessedRun{tokens: prompt, next: sampler(t, Options{Seed: 1, Temperature: 1}).random.Float64(), recent: prompt}
		if n > 0 {
			want = run(0, n, 0)
		}
		if !slices.Equal(got.tokens, want.tokens) || got.next != want.next || !slices.Equal(got.recent, want.recent) {
			t.Errorf("cancelled at %d, %d tokens:\n%v\nwithout guesses:\n%v", at, n, got, want)
		}
	}
	if givenUp == 0 {
		t.Error("no pass was given up half drawn")
	}
}
