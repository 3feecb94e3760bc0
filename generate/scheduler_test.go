package generate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// startScheduler opens the demo with places for texts.
func startScheduler(t *testing.T, places, waiting int, o transformer.Options) (*Scheduler, *Batch) {
	t.Helper()
	dir := convertDemo(t)
	o.Sequences = places
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := transformer.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	b := &Batch{Model: m, Tokenizer: tok, Parallel: places}
	s := NewScheduler(b, waiting)
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, b
}

// TestScheduler: texts that come and go at any time have the results that they have alone.
func TestScheduler(t *testing.T) {
	const context = 48
	s, b := startScheduler(t, 3, 100, transformer.Options{Context: context, Chunk: 5})
	requests := batchRequests(t, b.Tokenizer, 40, context)
	var wait sync.WaitGroup
	for i, r := range requests {
		wait.Go(func() {
			var text strings.Builder
			got, err := s.Do(t.Context(), r, func(p Piece) error {
				text.WriteString(p.Text)
				return nil
			})
			want, alone := runAlone(t, b.Model, b.Tokenizer, r)
			if (err == nil) != (alone == nil) || alone != nil && !errors.Is(err, errors.Unwrap(alone)) && err.Error() != alone.Error() && !errors.Is(err, transformer.ErrContext) && !errors.Is(err, transformer.ErrToken) {
				t.Errorf("%d: %v, alone %v", i, err, alone)
			}
			if err == nil && (!slices.Equal(got.OutputIDs, want.OutputIDs) || got.Text != want.Text || text.String() != want.Text || got.Stop != want.Stop) {
				t.Errorf("%d: %+v, pieces %q, alone %+v", i, got, text.String(), want)
			}
		})
	}
	wait.Wait()
}

// TestSchedulerPauses: texts that come at random times and of which some are cancelled, in a cache that has room for a third of them, have
// the results that they have alone; nothing is refused, and nothing is left.
func TestSchedulerPauses(t *testing.T) {
	const length, places = 256, 6
	s, b := startScheduler(t, places, 100, transformer.Options{Context: length, Contexts: 1, Chunk: 48})
	b.Lookup = 3
	alone, err := transformer.Open(t.Context(), convertDemo(t), transformer.Options{Context: length})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	random := rand.New(rand.NewPCG(9, 1))
	var wait sync.WaitGroup
	start, paused := make(chan struct{}), 0
	for i := range 12 {
		prompt := encode(t, b.Tokenizer, strings.Repeat("Tom ", random.IntN(4))+strings.Repeat("Once upon a time there was a dog. ", 1+random.IntN(8)), true)
		r := &Request{Prompt: prompt, Client: string(rune('a' + i%3)), MaxTokens: 60 + random.IntN(150), Sampling: Options{Temperature: 1, Seed: uint64(i)}}
		if i%2 == 0 { // it goes on to its end; the others guess
			r.MaxTokens = 160
			r.Adjust = func(_ []int, logits []float32) error {
				for _, id := range b.Tokenizer.EOS() {
					logits[id] = float32(math.Inf(-1))
				}
				return nil
			}
		}
		want, err := runAlone(t, alone, b.Tokenizer, r)
		if err != nil {
			t.Fatal(err)
		}
		if ends := r.Adjust; ends != nil {
			r.Adjust = func(drawn []int, logits []float32) error { // in the loop
				paused = max(paused, len(s.group.paused))
				return ends(drawn, logits)
			}
		}
		delay, gone := time.Duration(random.IntN(100))*time.Millisecond, i%8 == 5
		wait.Go(func() {
			<-start
			time.Sleep(delay)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var text strings.Builder
			got, err := s.Do(ctx, r, func(p Piece) error {
				text.WriteString(p.Text)
				if gone && text.Len() > 30 {
					cancel()
				}
				return nil
			})
			switch {
			case err != nil:
				t.Errorf("%d: %v", i, err)
			case gone && got.Stop == StopCancel:
				if !strings.HasPrefix(want.Text, got.Text) {
					t.Errorf("%d: %q, alone %q", i, got.Text, want.Text)
				}
			case !slices.Equal(got.OutputIDs, want.OutputIDs) || got.Text != want.Text || text.String() != want.Text || got.Stop != want.Stop || !slices.Equal(got.PromptIDs, want.PromptIDs):
				t.Errorf("%d: %+v, pieces %q, alone %+v", i, got, text.String(), want)
			}
		})
	}
	close(start)
	wait.Wait()
	if paused == 0 {
		t.Error("no text was paused: this tests nothing")
	}
	if room := b.Model.CacheRoom(nil); room != length {
		t.Errorf("there is room for %d tokens after all texts, not %d", room, length)
	}
}

// TestSchedulerFair: who has nothing under way comes before who has, and where too many wait, who has the most waiting gives way.
func TestSchedulerFair(t *testing.T) {
	s, b := startScheduler(t, 2, 3, transformer.Options{Context: 64})
	prompt := encode(t, b.Tokenizer, "Once upon a time", true)
	hold, begun := make(chan struct{}), make(chan string, 10)
	var wait sync.WaitGroup
	waits := func(client string) (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, j := range s.waiting.jobs {
			if j.request.Client == client {
				n++
			}
		}
		return n
	}
	ask := func(client string, waiting int, want error) {
		t.Helper()
		first := true
		r := &Request{Prompt: prompt, MaxTokens: 2, Client: client, Adjust: func([]int, []float32) error {
			if first {
				begun <- client
				<-hold
			}
			first = false
			return nil
		}}
		wait.Go(func() {
			if _, err := s.Do(t.Context(), r, nil); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", client, err, want)
			}
		})
		for waits(client) != waiting {
			time.Sleep(time.Millisecond)
		}
	}
	ask("a", 0, nil)
	<-begun // and it holds the loop
	ask("a", 1, nil)
	ask("a", 2, nil)
	ask("a", 3, nil)
	ask("a", 4, ErrBusy) // which gives way to b
	ask("b", 1, nil)
	if _, err := s.Do(t.Context(), &Request{Prompt: prompt, Client: "a"}, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("one more of a: %v", err)
	}
	close(hold)
	if next := <-begun; next != "b" {
		t.Errorf("next came %s", next)
	}
	wait.Wait()

	s.MaxWait = 300 * time.Millisecond // which c's own text must not wait, on the slowest of machines
	hold, begun = make(chan struct{}), make(chan string, 10)
	ask("c", 0, nil)
	<-begun
	var waited sync.WaitGroup
	waited.Go(func() {
		if _, err := s.Do(t.Context(), &Request{Prompt: prompt}, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("it waited: %v", err)
		}
	})
	waited.Wait()
	close(hold)
	wait.Wait()
}

// TestSchedulerPlaces: whose text has ended finds its place free at once.
func TestSchedulerPlaces(t *testing.T) {
	s, b := startScheduler(t, 1, 0, transformer.Options{Context: 64})
	prompt := encode(t, b.Tokenizer, "Once upon a time", true)
	for i := range 100 {
		if _, err := s.Do(t.Context(), &Request{Prompt: prompt, MaxTokens: 1}, nil); err != nil {
			t.Fatalf("text %d: %v", i, err)
		}
	}
}

// TestSchedulerEnds: a text ends with its context, with ErrBreak, with an error of its own and with the scheduler; the
// others go on.
func TestSchedulerEnds(t *testing.T) {
	s, b := startScheduler(t, 2, 1, transformer.Options{Context: 128})
	prompt := encode(t, b.Tokenizer, "Once upon a time", true)
	long := &Request{Prompt: prompt, Sampling: Options{Temperature: 1, Seed: 5}}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Do(ctx, long, func(Piece) error { cancel(); return nil })
	if err != nil || r.Stop != StopCancel {
		t.Errorf("cancelled: %+v, %v", r, err)
	}
	if r, err = s.Do(ctx, long, nil); err != nil || r.Stop != StopCancel {
		t.Errorf("cancelled before: %+v, %v", r, err)
	}
	if r, err = s.Do(t.Context(), long, func(Piece) error { return ErrBreak }); err != nil || r.Stop != StopCancel {
		t.Errorf("broken off: %+v, %v", r, err)
	}
	own := errors.New("own")
	if _, err = s.Do(t.Context(), long, func(Piece) error { return own }); !errors.Is(err, own) {
		t.Errorf("emit's error: %v", err)
	}
	long.Adjust = func(drawn []int, _ []float32) error {
		if len(drawn) == 3 {
			return own
		}
		return nil
	}
	if r, err = s.Do(t.Context(), long, nil); !errors.Is(err, own) || len(r.OutputIDs) != 3 {
		t.Errorf("adjust's error: %+v, %v", r, err)
	}

	// Two are under way and one waits; there is no room for a fourth.
	hold, begun := make(chan struct{}), make(chan struct{}, 2)
	held := &Request{Prompt: prompt, MaxTokens: 4, Adjust: func(drawn []int, _ []float32) error {
		if len(drawn) == 0 {
			begun <- struct{}{}
			<-hold
		}
		return nil
	}}
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := s.Do(t.Context(), held, nil); err != nil {
			t.Error(err)
		}
	})
	<-begun
	for range 2 {
		wait.Go(func() {
			if _, err := s.Do(t.Context(), &Request{Prompt: prompt, MaxTokens: 1}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	for {
		if _, waiting := s.Load(); waiting == 2 { // the loop has not looked yet
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Do(t.Context(), &Request{Prompt: prompt}, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	close(hold)
	wait.Wait()

	for range 3 {
		wait.Go(func() {
			_, err := s.Do(t.Context(), &Request{Prompt: prompt, Sampling: Options{Temperature: 1}, Adjust: func([]int, []float32) error { <-s.open.Done(); return nil }}, nil)
			if !errors.Is(err, ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
	for active, waiting := s.Load(); active+waiting < 3; active, waiting = s.Load() {
		time.Sleep(time.Millisecond)
	}
	s.Close()
	wait.Wait()
	if _, err := s.Do(t.Context(), long, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestLogProbs: the chances of what is drawn are those of the logits, in whatever company and with guesses.
func TestLogProbs(t *testing.T) {
	s, b := startScheduler(t, 2, 1, transformer.Options{Context: 64})
	b.Lookup = 4
	prompt := encode(t, b.Tokenizer, "Once upon a time there was a dog. Once upon a time there", true)
	r := &Request{Prompt: prompt, MaxTokens: 20, LogProbs: true, TopLogProbs: 3}
	var got []LogProb
	result, err := s.Do(t.Context(), r, func(p Piece) error {
		got = append(got, p.Tokens...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sampler, err := NewSampler(Options{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := b.Model.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var want []float64
	g := &Generator{Tokenizer: b.Tokenizer, Sampler: sampler, Logits: func(logits []float32) error {
		sum, most := 0.0, slices.Max(logits)
		for _, v := range logits {
			sum += math.Exp(float64(v - most))
		}
		want = append(want, -math.Log(sum))
		return nil
	}}
	if _, err := g.Run(t.Context(), session, prompt, 20, func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(result.OutputIDs) {
		t.Fatalf("%d chances of %d tokens", len(got), len(result.OutputIDs))
	}
	for i, p := range got { // greedily, the likeliest is drawn
		if p.ID != result.OutputIDs[i] || math.Abs(p.LogProb-want[i]) > 1e-5 || len(p.Top) != 3 || p.Top[0] != (Chance{p.ID, p.LogProb}) || p.Top[1].LogProb < p.Top[2].LogProb {
			t.Errorf("token %d: %+v, want %v", i, p, want[i])
		}
	}
}

// TestSchedulerEmbeds: a state is what the model makes of the prompt alone.
func TestSchedulerEmbeds(t *testing.T) {
	s, b := startScheduler(t, 2, 10, transformer.Options{Context: 64, Chunk: 3})
	prompt := encode(t, b.Tokenizer, "Once upon a time there was a dog", true)
	session, err := b.Model.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var want []float32
	err = b.Model.Forward(t.Context(), []transformer.Step{{Session: session, IDs: prompt, First: len(prompt) - 1, Hidden: func(_ int, state []float32) error {
		want = slices.Clone(state)
		return nil
	}}})
	if err != nil {
		t.Fatal(err)
	}
	e := &Embedder{tokenizer: b.Tokenizer, pipeline: new(embedding.Pipeline)} // which leaves the vector as it is
	e.Fit(b.Model.Config)
	var wait sync.WaitGroup
	wait.Go(func() { s.Do(t.Context(), &Request{Prompt: prompt, MaxTokens: 20}, nil) })
	for range 3 {
		wait.Go(func() {
			if got, err := s.Embed(t.Context(), e, EmbedText{IDs: prompt}, ""); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	wait.Wait()
	if _, err := s.Embed(t.Context(), e, EmbedText{}, ""); !errors.Is(err, ErrPrompt) {
		t.Errorf("no prompt: %v", err)
	}
}
