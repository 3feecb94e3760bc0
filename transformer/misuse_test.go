package transformer

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/stream"
)

// TestModelClosed: what is done with a closed model and its sessions is an error by name.
func TestModelClosed(t *testing.T) {
	dir := convertDemo(t)
	for _, open := range []func(testing.TB, string, Options) *Model{openModel, openStreamed} {
		m := open(t, dir, Options{Context: 16, Sequences: 2})
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		step := func() error { return s.Forward(t.Context(), []int{1}, 0, nil) }
		if err := errors.Join(step(), m.Close(), m.Close()); err != nil {
			t.Fatal(err)
		}
		_, made := m.NewSession()
		x := stream.Tensor{Shape: []int{1, m.Config.Hidden}, Data: make([]float32, m.Config.Hidden)}
		_, block := m.Block(t.Context(), 0, x, 0, nil)
		_, ffn := m.FFN(t.Context(), 0, x, nil)
		for what, err := range map[string]error{"NewSession": made, "Forward": step(), "Logits": m.Logits(t.Context(), []int{1}, nil), "Block": block} {
			if !errors.Is(err, ErrSession) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if ffn == nil {
			t.Error("a closed model has a feed-forward layer")
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if err := step(); !errors.Is(err, ErrSession) {
			t.Errorf("a closed session of a closed model: %v", err)
		}
	}
}

// TestCloseUnderWay closes a model, and sessions, while others work with them: each gets
// ErrSession, and nobody reads memory that was given back.
func TestCloseUnderWay(t *testing.T) {
	dir := convertDemo(t)
	for i := range 12 {
		m := openModel(t, dir, Options{Context: 64, Threads: 2})
		var all sync.WaitGroup
		for range 4 {
			s, err := m.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				for {
					s.Reset(0)
					if err := s.Forward(t.Context(), []int{1, 2, 3}, 2, func(int, []float32) error { return nil }); err != nil {
						if !errors.Is(err, ErrSession) {
							t.Error(err)
						}
						break
					}
				}
				for errors.Is(s.Close(), ErrSession) { // another closes it, or asks whether it may
					runtime.Gosched()
				}
			})
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if err := s.Close(); err != nil && !errors.Is(err, ErrSession) {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Duration(i) * 500 * time.Microsecond)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
	}
}

// TestVisitorMisuse: what a visitor does with its own session, and how it ends, spoils
// nothing.
func TestVisitorMisuse(t *testing.T) {
	m := openModel(t, convertDemo(t), Options{Context: 16, Chunk: 3})
	want := allLogits(t, m, []int{1, 2, 3, 4, 5, 6, 7}, 7)
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	misuse := func(int, []float32) error {
		s.Reset(0)
		if err := s.Close(); !errors.Is(err, ErrSession) {
			t.Errorf("closed within its step: %v", err)
		}
		if err := s.Forward(t.Context(), []int{1}, 0, nil); !errors.Is(err, ErrSession) {
			t.Errorf("a step within a step: %v", err)
		}
		return nil
	}
	if err := s.Forward(t.Context(), []int{1, 2, 3, 4, 5}, 0, misuse); err != nil || s.Position() != 5 {
		t.Fatalf("at %d, %v", s.Position(), err)
	}
	left := make(chan bool)
	go func() { // the goroutine ends within the visitor
		defer close(left)
		s.Forward(t.Context(), []int{6, 7}, 1, func(int, []float32) error { runtime.Goexit(); return nil })
	}()
	<-left
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Forward(ctx, []int{6, 7}, 0, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var got []float32
	err = s.Forward(t.Context(), []int{6, 7}, 0, func(_ int, x []float32) error { got = append(got, x...); return nil })
	for i, v := range got {
		if v != want[5*m.Config.Vocab+i] {
			t.Fatalf("value %d is %v, not %v", i, v, want[5*m.Config.Vocab+i])
		}
	}
	if err != nil || len(got) != 2*m.Config.Vocab {
		t.Errorf("%d values, %v", len(got), err)
	}
}
