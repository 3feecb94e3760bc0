package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// MatMulTransposed computes Y = X @ Wᵀ. X's last dimension equals Cols; Y keeps
// X's leading dimensions, and its last one is Rows. Errors are ErrShape, those of
// package cdna, and the context's.
func (m *Matrix) MatMulTransposed(ctx context.Context, x Tensor) (Tensor, Stats, error) {
	batch, err := x.batch(m.Cols())
	if err != nil {
		return Tensor{}, Stats{}, err
	}
	y := x.withLast(m.Rows(), batch)
	stats, err := m.dotRows(ctx, y.Data, x.Data, batch, 0, m.Rows())
	if err != nil {
		return Tensor{}, Stats{}, err
	}
	return y, stats, nil
}

// RowsDot computes y = W[a:b] @ x for one vector x of length Cols; y has length b−a.
func (m *Matrix) RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error) {
	if err := m.checkRows(a, b); err != nil {
		return Stats{}, err
	}
	if _, err := (Tensor{Shape: []int{len(x)}, Data: x}).batch(m.Cols()); err != nil {
		return Stats{}, err
	}
	if len(y) != b-a {
		return Stats{}, ErrShape
	}
	return m.dotRows(ctx, y, x, 1, a, b)
}

// dotRows computes y[v, r−a] = w_r · x_v for rows [a, b). Rows are independent,
// so each worker takes the next block and finishes it alone.
func (m *Matrix) dotRows(ctx context.Context, y, x []float32, batch, a, b int) (Stats, error) {
	if batch == 0 || a == b {
		return Stats{}, nil
	}
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()

	start := time.Now()
	first, last := m.blockRange(a, b)
	total := Stats{FirstBlock: first, LastBlock: last, Workers: max(1, min(e.threads, last-first))}
	if err := e.reserve(total.Workers, m.file.MaxCompLen(), m.file.MaxBlockLen()); err != nil {
		return Stats{}, err
	}
	e.x.Pack(x, batch, m.Cols())

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		next  atomic.Int64
		wg    sync.WaitGroup
		stats = make([]Stats, total.Workers)
	)
	next.Store(int64(first))
	for w := range total.Workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= last {
					return
				}
				if err := m.dotBlock(&e.buffers[w], i, y, x, batch, a, b, &stats[w]); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return Stats{}, err
	}
	m.finish(&total, stats, a, b, start)
	return total, nil
}

// dotBlock does the part of dotRows that lies in block i.
func (m *Matrix) dotBlock(buf *buffer, i int, y, x []float32, batch, a, b int, s *Stats) error {
	indices, err := m.load(buf, i, s)
	if err != nil {
		return err
	}
	info := m.file.Block(i)
	lo, hi := max(a, info.FirstRow), min(b, info.FirstRow+info.Rows)
	n := m.Cols()
	indices = indices[(lo-info.FirstRow)*n : (hi-info.FirstRow)*n]
	clock := time.Now()
	m.engine.kernels.DotRows(y[lo-a:], b-a, &m.engine.x, m.table, indices, hi-lo)
	lap(&clock, &s.Compute)
	if m.sidecar != nil {
		m.correctDot(y[lo-a:], b-a, x, batch, indices, lo, hi)
		lap(&clock, &s.Sidecar)
	}
	return nil
}

// finish sums the workers' figures into total.
func (m *Matrix) finish(total *Stats, workers []Stats, a, b int, start time.Time) {
	for i := range workers {
		total.add(&workers[i])
	}
	if m.sidecar != nil {
		first, last := m.sidecar.file.Range(uint64(a)*uint64(m.Cols()), uint64(b)*uint64(m.Cols()))
		total.Corrections = last - first
	}
	total.BufferBytes = m.engine.peak
	total.Duration = time.Since(start)
}
