package stream

import (
	"context"
	"fmt"
	"time"
)

// MatMulTransposed computes Y = X @ Wᵀ. X's last dimension equals Cols; Y keeps
// X's leading dimensions, and its last one is Rows. Errors are ErrShape,
// ErrBudget, those of package cdna, and the context's.
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

// RowsDot computes y[v] = W[a:b] @ x[v] for a batch of vectors: x holds vectors of
// length Cols, y as many of length b−a, both row-major. It allocates nothing that
// grows with the matrix.
func (m *Matrix) RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error) {
	if err := m.checkRows(a, b); err != nil {
		return Stats{}, err
	}
	batch := len(x) / m.Cols()
	if len(x) != batch*m.Cols() || len(y) != batch*(b-a) {
		return Stats{}, fmt.Errorf("x has %d values, y %d; the matrix has %d columns and %d rows were asked for: %w",
			len(x), len(y), m.Cols(), b-a, ErrShape)
	}
	return m.dotRows(ctx, y, x, batch, a, b)
}

// dotRows computes y[v, r−a] = w_r · x_v for rows [a, b). Rows are independent, so
// each worker takes the next rows and finishes them alone.
func (m *Matrix) dotRows(ctx context.Context, y, x []float32, batch, a, b int) (Stats, error) {
	if err := context.Cause(ctx); err != nil || batch == 0 || a == b {
		return Stats{}, err
	}
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	start := time.Now()
	e.x.Pack(x, batch, m.Cols())
	p := &dotProduct{m: m, y: y, x: x, batch: batch, a: a, b: b}
	var total Stats
	var err error
	if m.resident != nil {
		err = p.resident(ctx, &total)
	} else {
		err = p.streamed(ctx, &total)
	}
	if err != nil {
		return Stats{}, err
	}
	m.finish(&total, p.stats, a, b, start)
	return total, nil
}

// dotProduct is one running X @ Wᵀ over rows [a, b).
type dotProduct struct {
	m     *Matrix
	y, x  []float32
	batch int
	a, b  int
	stats []Stats // per worker
}

func (p *dotProduct) streamed(ctx context.Context, total *Stats) error {
	m := p.m
	first, last := blockRange(m.file, p.a, p.b)
	workers, _, err := m.engine.buffers.reserve(m.file, min(m.engine.threads, last-first), 0)
	if err != nil {
		return err
	}
	*total = Stats{FirstBlock: first, LastBlock: last, Workers: workers}
	p.stats = make([]Stats, workers)
	return eachBlock(ctx, workers, first, last, func(w, i int) error {
		s := &p.stats[w]
		indices, err := m.fetch(w, w, i, s)
		if err != nil {
			return err
		}
		block, n := m.file.Block(i), m.Cols()
		lo, hi := max(p.a, block.FirstRow), min(p.b, block.FirstRow+block.Rows)
		indices = indices[(lo-block.FirstRow)*n : (hi-block.FirstRow)*n]
		clock := time.Now()
		m.engine.kernels.DotRows(p.y[lo-p.a:], p.b-p.a, &m.engine.x, m.table, indices, hi-lo)
		lap(&clock, &s.Compute)
		p.correct(lo, hi, s)
		return nil
	})
}

// correct applies the sidecar to rows [lo, hi).
func (p *dotProduct) correct(lo, hi int, s *Stats) {
	if p.m.sidecar == nil {
		return
	}
	clock := time.Now()
	p.m.engine.kernels.DotSparse(p.y[lo-p.a:], p.b-p.a, p.x, p.m.Cols(), p.batch, p.m.sidecar.corrections, lo, hi-lo)
	lap(&clock, &s.Sidecar)
}

// residentChunk is about how many indices a worker multiplies at a time: long
// enough runs of memory, short enough to share the work evenly.
const residentChunk = 1 << 20

// oneWorker is the number of multiplications below which a product is done before
// a second worker has started.
const oneWorker = 1 << 17

func (p *dotProduct) resident(ctx context.Context, total *Stats) error {
	m, r := p.m, p.m.resident
	n := m.Cols()
	p.stats = make([]Stats, m.engine.threads)
	total.Workers = m.engine.eachRows(ctx, n, p.batch, p.a, p.b, func(w, lo, hi int) {
		y, s := p.y[lo-p.a:], &p.stats[w]
		clock := time.Now()
		if r.packed != nil {
			m.engine.kernels.DotRowsPacked(y, p.b-p.a, &m.engine.x, m.table, r.packed, lo, hi-lo)
		} else {
			m.engine.kernels.DotRows(y, p.b-p.a, &m.engine.x, m.table, r.arena.bytes[lo*n:hi*n], hi-lo)
		}
		lap(&clock, &s.Compute)
		p.correct(lo, hi, s)
	})
	return context.Cause(ctx)
}

// eachRows calls do for rows [a, b) of a matrix in memory, a chunk at a time, and
// returns on how many workers. Chunks are whole strips of four rows, except at the
// ends.
func (e *Engine) eachRows(ctx context.Context, cols, batch, a, b int, do func(w, lo, hi int)) (workers int) {
	first, chunk := a&^3, max(4, residentChunk/cols&^3)
	chunks := (b - first + chunk - 1) / chunk
	if chunks < 4*e.threads { // few: smaller ones, for an even share
		chunk = max(4, ((b-first)/(4*e.threads)+3)&^3)
		chunks = (b - first + chunk - 1) / chunk
	}
	workers = min(e.threads, chunks)
	if (b-a)*cols*batch < oneWorker {
		workers = 1
	}
	// do cannot fail, and a cancelled context is the caller's to report.
	_ = eachBlock(ctx, workers, 0, chunks, func(w, i int) error {
		do(w, max(a, first+i*chunk), min(b, first+(i+1)*chunk))
		return nil
	})
	return workers
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
	total.BufferBytes = m.engine.buffers.bytes()
	if m.resident != nil {
		total.ResidentBytes = int64(len(m.resident.arena.bytes))
	}
	total.Duration = time.Since(start)
}
