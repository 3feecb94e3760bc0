package generate

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// runOptions are those of tests that only need a model.
var runOptions = transformer.Options{Context: 96}

// openPool opens the model in dir for n sessions.
func openPool(t *testing.T, dir string, o transformer.Options, n int) *Pool {
	t.Helper()
	m, err := transformer.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPool(m, n)
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// read has a session of the pool read ids, and gives it back.
func read(t *testing.T, p *Pool, ids ...int) (s *transformer.Session, kept int) {
	t.Helper()
	s, kept, err := p.Acquire(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release(s)
	if err := s.Forward(t.Context(), ids[kept:], len(ids), nil); err != nil {
		t.Fatal(err)
	}
	return s, kept
}

// TestPoolPrefix: a sequence goes on where it is known, whichever session read it.
func TestPoolPrefix(t *testing.T) {
	p := openPool(t, convertDemo(t), transformer.Options{Context: 1024}, 2)
	for _, c := range []struct {
		kept int
		ids  []int
	}{
		{0, []int{0, 5, 6, 7}},
		{4, []int{0, 5, 6, 7, 8, 9}},
		{1, []int{0, 20, 21, 22}},
		{4, []int{0, 5, 6, 7, 30}},
		{3, []int{0, 20, 21, 22}}, // one token has to be read
		{0, []int{40, 41, 42}},
		{6, []int{0, 5, 6, 7, 8, 9, 10}},
	} {
		if _, kept := read(t, p, c.ids...); kept != c.kept {
			t.Errorf("%v: %d tokens kept, want %d", c.ids, kept, c.kept)
		}
	}
}

// TestPoolWaiting: who comes first is served first; who gives up is not served; after
// Close nobody is.
func TestPoolWaiting(t *testing.T) {
	p := openPool(t, convertDemo(t), runOptions, 1)
	s, _, err := p.Acquire(t.Context(), []int{1})
	if err != nil {
		t.Fatal(err)
	}
	type served struct {
		who int
		err error
	}
	order := make(chan served)
	wait := func(who int, ctx context.Context) {
		go func() {
			s, _, err := p.Acquire(ctx, []int{1})
			order <- served{who, err}
			if err == nil {
				p.Release(s)
			}
		}()
		for {
			p.mu.Lock()
			n := len(p.waiting)
			p.mu.Unlock()
			if n == who {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	wait(1, t.Context())
	wait(2, ctx)
	wait(3, t.Context())
	cancel()
	if got := <-order; got.who != 2 || !errors.Is(got.err, context.Canceled) {
		t.Errorf("%+v gave up", got)
	}
	p.Release(s)
	var whos []int
	for range 2 {
		got := <-order
		if whos = append(whos, got.who); got.err != nil {
			t.Error(got.err)
		}
	}
	if !slices.Equal(whos, []int{1, 3}) {
		t.Errorf("served %v", whos)
	}
	if _, _, err := p.Acquire(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}

	if s, _, err = p.Acquire(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	wait(1, t.Context())
	closed := make(chan error)
	go func() { closed <- p.Close() }()
	if got := <-order; !errors.Is(got.err, ErrClosed) {
		t.Errorf("waiting for a pool that is closed: %v", got.err)
	}
	select {
	case err := <-closed:
		t.Errorf("closed while a session was out: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	p.Release(s)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, _, err := p.Acquire(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestPoolReleaseTwice: whoever gives a session back twice, or a foreign one, takes nobody's.
func TestPoolReleaseTwice(t *testing.T) {
	dir := convertDemo(t)
	p, other := openPool(t, dir, transformer.Options{Context: 16}, 2), openPool(t, dir, transformer.Options{Context: 16}, 1)
	acquire := func(p *Pool) *transformer.Session {
		t.Helper()
		s, _, err := p.Acquire(t.Context(), []int{1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s, foreign := acquire(p), acquire(other)
	for range 3 {
		p.Release(s)
		p.Release(foreign)
		p.Release(nil)
	}
	if a, b := acquire(p), acquire(p); a == b || a == foreign || b == foreign {
		t.Error("two have the same session")
	} else {
		p.Release(a)
		p.Release(b)
	}
	other.Release(foreign)
}
