package ordered

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

// TestDo: results come one after the other, whoever worked, and end before the first error in order.
func TestDo(t *testing.T) {
	ctx := context.Background()
	broken := errors.New("broken")
	for _, workers := range []int{1, 2, 5} {
		for _, n := range []int{0, 1, 7, 100} {
			next := 0
			commit := func(_, i int) {
				if i != next {
					t.Errorf("%d workers commit %d, want %d", workers, i, next)
				}
				next++
			}
			if err := Do(ctx, workers, n, func(int, int) error { return nil }, commit); err != nil || next != n {
				t.Errorf("%d workers committed %d of %d: %v", workers, next, n, err)
			}
		}
		committed := 0
		fail := func(_, i int) error {
			if i >= 5 {
				return broken
			}
			return nil
		}
		if err := Do(ctx, workers, 100, fail, func(int, int) { committed++ }); !errors.Is(err, broken) || committed != 5 {
			t.Errorf("%d workers committed %d before %v, want 5", workers, committed, err)
		}
	}
}

func TestDoStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var done atomic.Int64
	err := Do(ctx, 2, 1000, func(int, int) error {
		if done.Add(1) == 3 {
			cancel()
		}
		return nil
	}, nil)
	if !errors.Is(err, context.Canceled) || done.Load() > 4 {
		t.Errorf("%d items and %v after a cancelled third", done.Load(), err)
	}
}
