package workers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// counts notes how often each part was done, and by whom.
type counts struct {
	done   []atomic.Int32
	worker []atomic.Int32 // parts under way, by worker
	t      *testing.T
}

func newCounts(t *testing.T, parts, workers int) *counts {
	return &counts{make([]atomic.Int32, parts), make([]atomic.Int32, workers), t}
}

func (c *counts) Do(worker, i int) error {
	if c.worker[worker].Add(1) != 1 {
		c.t.Errorf("worker %d is at two parts", worker)
	}
	c.done[i].Add(1)
	c.worker[worker].Add(-1)
	return nil
}

func (c *counts) check() {
	c.t.Helper()
	for i := range c.done {
		if n := c.done[i].Load(); n != 1 {
			c.t.Fatalf("part %d of %d was done %d times", i, len(c.done), n)
		}
	}
}

func TestEveryPartOnce(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprint("procs=", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			p := New(5)
			defer p.Close()
			rounds := 400
			if testing.Short() {
				rounds = 100
			}
			for round := range rounds {
				workers, parts := 1+round%6, round*7%50
				c := newCounts(t, parts, max(1, min(5, workers)))
				if err := p.Run(t.Context(), workers, parts, c); err != nil {
					t.Fatal(err)
				}
				c.check()
				if round%50 == 0 {
					time.Sleep(time.Millisecond) // the workers fall asleep
				}
			}
		})
	}
}

// TestConcurrent: runs of several goroutines take turns.
func TestConcurrent(t *testing.T) {
	p := New(3)
	defer p.Close()
	done := make(chan error)
	for range 4 {
		go func() {
			for range 50 {
				c := newCounts(t, 20, 3)
				if err := p.Run(context.Background(), 3, 20, c); err != nil {
					done <- err
					return
				}
				c.check()
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestPartsThatWait: as many parts as workers may wait for one another.
func TestPartsThatWait(t *testing.T) {
	p := New(4)
	defer p.Close()
	for range 20 {
		var here atomic.Int32
		all := make(chan struct{})
		err := p.Run(t.Context(), 4, 4, Func(func(_, _ int) error {
			if here.Add(1) == 4 {
				close(all)
			}
			<-all
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// works tells that a pool has all of its workers.
func works(t *testing.T, p *Pool) {
	t.Helper()
	n := int32(p.Size())
	var here atomic.Int32
	all := make(chan struct{})
	if err := p.Run(context.Background(), int(n), int(n), Func(func(_, _ int) error {
		if here.Add(1) == n {
			close(all)
		}
		<-all
		return nil
	})); err != nil {
		t.Fatal(err)
	}
}

func TestErrors(t *testing.T) {
	p := New(3)
	defer p.Close()
	wrong := errors.New("wrong")
	for _, workers := range []int{1, 3} {
		for at := range 20 {
			var done atomic.Int32
			err := p.Run(t.Context(), workers, 1000, Func(func(_, i int) error {
				done.Add(1)
				if i == at {
					return fmt.Errorf("part %d: %w", i, wrong)
				}
				if i > at {
					time.Sleep(time.Millisecond) // the error is there before all are done
				}
				return nil
			}))
			if !errors.Is(err, wrong) {
				t.Fatalf("%d workers, part %d: %v", workers, at, err)
			}
			if done.Load() == 1000 {
				t.Errorf("%d workers: an error in part %d stopped nothing", workers, at)
			}
			works(t, p)
		}
	}
}

func TestCancelled(t *testing.T) {
	p := New(3)
	defer p.Close()
	cause := errors.New("enough")
	for _, workers := range []int{1, 3} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var done atomic.Int32
		err := p.Run(ctx, workers, 1000, Func(func(_, i int) error {
			if n := done.Add(1); n == 5 {
				cancel(cause)
			} else if n > 5 {
				<-ctx.Done()
			}
			return nil
		}))
		if err != cause || done.Load() > 5+3 {
			t.Errorf("%d workers: %v after %d parts", workers, err, done.Load())
		}
		if err := p.Run(ctx, workers, 10, Func(func(_, _ int) error { t.Error("begun"); return nil })); err != cause {
			t.Error(err)
		}
		works(t, p)
	}
}

func TestPanics(t *testing.T) {
	p := New(3)
	defer p.Close()
	wrong := errors.New("wrong")
	for at := range 20 {
		func() {
			defer func() {
				v := recover()
				got, ok := v.(*Panic)
				if !ok || !errors.Is(got, wrong) || len(got.Stack) == 0 {
					t.Errorf("panicked with %v", v)
				}
			}()
			_ = p.Run(t.Context(), 3, 100, Func(func(_, i int) error {
				if i == at {
					panic(wrong)
				}
				return nil
			}))
			t.Error("no panic")
		}()
		works(t, p)
	}
}

// TestNothingStarted: once the workers are there, a run starts no goroutine and allocates nothing.
func TestNothingStarted(t *testing.T) {
	p := New(4)
	works(t, p)
	time.Sleep(50 * time.Millisecond) // the workers of pools that other tests have closed end
	before := runtime.NumGoroutine()
	c := newCounts(t, 50, 4)
	ctx := t.Context()
	n := testing.AllocsPerRun(200, func() {
		if err := p.Run(ctx, 4, len(c.done), c); err != nil {
			t.Error(err)
		}
	})
	if n >= 1 {
		t.Errorf("a run allocates %v times", n)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, there were %d", after, before)
	}
	p.Close()
	for wait := 0; runtime.NumGoroutine() > before-3; wait++ { // they have said that they end
		if wait == 1000 {
			t.Fatalf("closed: %d goroutines, there were %d with 3 workers'", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
	works(t, p)
	p.Close()
	p.Close()
}

// gathering is a task whose parts are at an end when all have begun.
type gathering struct{ here, parts atomic.Int64 }

func (g *gathering) Do(int, int) error {
	parts := g.parts.Load()
	for round := (g.here.Add(1) - 1) / parts; g.here.Load() < (round+1)*parts; {
		runtime.Gosched()
	}
	return nil
}

// BenchmarkRun: from the beginning of a run until all workers are at it and done, right after another run and when they sleep.
func BenchmarkRun(b *testing.B) {
	for _, workers := range []int{2, 4} {
		p := New(workers)
		ctx, g := b.Context(), new(gathering)
		g.parts.Store(int64(workers))
		b.Run(fmt.Sprintf("workers=%d/awake", workers), func(b *testing.B) {
			for b.Loop() {
				_ = p.Run(ctx, workers, workers, g)
			}
		})
		b.Run(fmt.Sprintf("workers=%d/asleep", workers), func(b *testing.B) {
			var took time.Duration
			for b.Loop() {
				time.Sleep(200 * time.Microsecond)
				start := time.Now()
				_ = p.Run(ctx, workers, workers, g)
				took += time.Since(start)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/run")
		})
		p.Close()
	}
}
