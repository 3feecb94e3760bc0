package helix_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/generate"
)

// TestLifecycle has goroutines generate, chat, embed, break out of texts, cancel and panic at
// random moments, on fewer sequences than there are goroutines, and closes the model in their
// midst: what ends by itself is what it is alone, what does not ends by name, nobody waits for
// ever, and nothing is left behind.
func TestLifecycle(t *testing.T) {
	src := checkpoint(t)
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	o := helix.GenerateOptions{MaxTokens: 10, Temperature: 0.9, Seed: 4}
	prompts := []string{opening, opening + " dog", "Tom had a", "The cat"}
	alone := open(t, src, helix.ModelOptions{Context: 96})
	want := map[string]string{}
	for _, p := range prompts {
		want[p] = must(t, alone.Generate(t.Context(), p, o))
	}
	for round := range rounds {
		m, err := helix.Open(t.Context(), src, helix.ModelOptions{Context: 96, Sequences: 1 + round%3})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(round), uint64(i)))
				for range 6 {
					lifecycleStep(t, m, random, prompts[random.IntN(len(prompts))], o, want)
				}
			})
		}
		closeInMidst := round%2 == 1
		if closeInMidst {
			time.Sleep(time.Duration(round*15) * time.Millisecond)
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		ended := make(chan bool)
		go func() { all.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(2 * time.Minute):
			t.Fatal("somebody waits for ever")
		}
		if !closeInMidst {
			if got := must(t, m.Generate(t.Context(), opening, o)); got != want[opening] {
				t.Errorf("after all that: %q", got)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// lifecycleStep does one thing with a model that may be closed.
func lifecycleStep(t *testing.T, m *helix.Model, random *rand.Rand, prompt string, o helix.GenerateOptions, want map[string]string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	kind, at := random.IntN(6), random.IntN(5)
	if kind == 1 {
		time.AfterFunc(time.Duration(random.IntN(30))*time.Millisecond, cancel)
	}
	fine := func(err error) {
		if err != nil && !errors.Is(err, helix.ErrClosed) && !(kind == 1 && errors.Is(err, context.Canceled)) {
			t.Errorf("%d: %v", kind, err)
		}
	}
	switch kind {
	case 4:
		_, err := m.Embed(ctx, prompt, helix.EmbedOptions{})
		fine(err)
		return
	case 5:
		c, err := m.NewConversation(helix.ChatOptions{GenerateOptions: o})
		fine(err)
		for i := 0; err == nil && i < 3; i++ {
			pieces := 0
			for _, err := range c.Say(ctx, prompt) {
				fine(err)
				if pieces++; pieces > at {
					break
				}
			}
		}
		return
	}
	var text strings.Builder
	whole := true
	func() {
		defer func() {
			if r := recover(); r != nil && r != "the body" {
				panic(r)
			}
		}()
		pieces := 0
		for piece, err := range m.Generate(ctx, prompt, o) {
			if fine(err); err != nil {
				whole = false
				return
			}
			text.WriteString(piece)
			if pieces++; pieces > at && kind == 2 {
				whole = false
				break
			} else if pieces > at && kind == 3 {
				whole = false
				panic("the body")
			}
		}
	}()
	if got := text.String(); whole && got != want[prompt] || !strings.HasPrefix(want[prompt], got) {
		t.Errorf("%d: %q, alone %q", kind, got, want[prompt])
	}
}

// TestOpenWhileCancelled opens models with contexts that end at random moments: a model, or the
// context's error.
func TestOpenWhileCancelled(t *testing.T) {
	src := checkpoint(t)
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
		m, err := helix.Open(ctx, src, helix.ModelOptions{Context: 64})
		cancel()
		if err == nil {
			err = m.Close()
		} else if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
		if err != nil {
			t.Errorf("%d ms: %v", i, err)
		}
	}
	var o *os.PathError
	if _, err := helix.Open(t.Context(), src+"/absent/path/of/more", helix.ModelOptions{}); !errors.As(err, &o) && !errors.Is(err, generate.ErrRepository) {
		t.Errorf("nothing there: %v", err)
	}
}
