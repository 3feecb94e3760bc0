package convert

import (
	"context"
	"sync"

	"github.com/helix-substrate/helix-substrate/matrix"
)

// chunkWeights is about how many weights a chunk of rows holds: 1 MiB of float32.
const chunkWeights = 1 << 18

// chunk is a run of whole rows [a, b) on its way through a pass.
type chunk struct {
	a, b    int
	weights []float32
	indices []byte // scratch of the same length, filled by the pass
	result  any    // whatever work leaves for collect
	err     error
	ready   chan struct{}
}

// chunkRows is how many rows a chunk has; chunks begin at multiples of it.
func chunkRows(cols int) int { return max(1, chunkWeights/cols) }

// forChunks reads src in chunks and calls work on each, on the given number of
// workers at once, then collect in the order of rows on the calling goroutine. It
// holds at most threads+1 chunks. The first error in the order of rows stops it
// and is returned, so that errors repeat.
func forChunks(ctx context.Context, src matrix.Source, threads int, work func(worker int, c *chunk) error, collect func(c *chunk) error) error {
	return forChunksOf(ctx, src, 0, src.Rows(), threads, work, collect)
}

// forChunksOf is forChunks of so many rows of src, whose first is row first of a matrix that is cut into chunks: the
// chunk that begins before it lacks the rows before.
func forChunksOf(ctx context.Context, src matrix.Source, first, rows, threads int, work func(worker int, c *chunk) error, collect func(c *chunk) error) error {
	cols := src.Cols()
	step := chunkRows(cols)
	free := make(chan *chunk, threads+1)
	for range cap(free) {
		n := min(step, rows) * cols
		free <- &chunk{weights: make([]float32, n), indices: make([]byte, n)}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	jobs := make(chan *chunk)
	inOrder := make(chan *chunk, cap(free))
	wg.Go(func() {
		defer close(jobs)
		defer close(inOrder)
		for a, b := 0, 0; a < rows; a = b {
			var c *chunk
			select {
			case c = <-free:
			case <-ctx.Done():
				return
			}
			b = min(((first+a)/step+1)*step-first, rows)
			n := (b - a) * cols
			*c = chunk{a: a, b: b, weights: c.weights[:n], indices: c.indices[:n], ready: make(chan struct{})}
			inOrder <- c
			jobs <- c
		}
	})
	for w := range threads {
		wg.Go(func() {
			for c := range jobs {
				if c.err = ctx.Err(); c.err == nil {
					if c.err = src.ReadRows(ctx, c.weights, c.a, c.b); c.err == nil {
						c.err = work(w, c)
					}
				}
				close(c.ready)
			}
		})
	}
	for c := range inOrder {
		<-c.ready
		if c.err != nil {
			return c.err
		}
		if err := collect(c); err != nil {
			return err
		}
		free <- c
	}
	return ctx.Err()
}
