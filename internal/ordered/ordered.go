// Package ordered does work in parallel and takes its results in order.
package ordered

import (
	"context"
	"sync"
	"sync/atomic"
)

// Do runs work for 0 ≤ i < n on several workers, each of which then calls
// commit, one i after the other in ascending order: sums that commit adds up are the
// same for every number of workers. The error is that of the lowest i, or ctx's.
// Work gets the worker's number to find its own buffers, which commit may still read.
// A nil commit does nothing.
func Do(ctx context.Context, workers, n int, work func(worker, i int) error, commit func(worker, i int)) error {
	var (
		next      atomic.Int64
		mu        sync.Mutex
		progress  = sync.NewCond(&mu)
		committed int
		failed    error
		wait      sync.WaitGroup
	)
	loop := func(worker int) {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			err := context.Cause(ctx)
			if err == nil {
				err = work(worker, i)
			}
			mu.Lock()
			for committed != i {
				progress.Wait()
			}
			if failed == nil {
				failed = err
			}
			stop := failed != nil
			if !stop && commit != nil {
				commit(worker, i)
			}
			committed++
			progress.Broadcast()
			mu.Unlock()
			if stop {
				next.Store(int64(n)) // items already taken end in their turn
			}
		}
	}
	workers = max(1, min(workers, n))
	for w := 1; w < workers; w++ {
		wait.Go(func() { loop(w) })
	}
	loop(0)
	wait.Wait()
	return failed
}
