package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// MatMulTransposed computes Y = X @ Wᵀ. X's last dimension equals Cols; Y keeps
// X's leading dimensions, and its last one is Rows. Errors are ErrShape,
// ErrBudget, those of package cdna, and the context's.
func (m *indexed) MatMulTransposed(ctx context.Context, x Tensor) (Tensor, Stats, error) {
	batch, err := x.batch(m.Cols())
	if err != nil {
		return Tensor{}, Stats{}, err
	}
	y := x.withLast(m.Rows(), batch)
	stats, err := m.dot(ctx, y.Data, x.Data, batch, 0, m.Rows())
	if err != nil {
		return Tensor{}, Stats{}, err
	}
	return y, stats, nil
}

// RowsDot implements [Matrix].
func (m *indexed) RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error) {
	batch, err := checkDot(m.Rows(), m.Cols(), y, x, a, b)
	if err != nil {
		return Stats{}, fmt.Errorf("%s: %w", m.file.Name(), err)
	}
	return m.dot(ctx, y, x, batch, a, b)
}

// dot computes y[v, r−a] = w_r · x_v for rows [a, b). Rows are independent, so
// each worker takes the next ones, or the next block, and finishes it alone.
func (m *indexed) dot(ctx context.Context, y, x []float32, batch, a, b int) (total Stats, err error) {
	if err := context.Cause(ctx); err != nil || batch == 0 || a == b {
		return Stats{}, err
	}
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	start := time.Now()
	g := &e.group
	g.begin(e, x, batch)
	if m.resident != nil {
		g.add(job{memory: m, y: y, a: a, b: b})
	} else {
		g.add(job{streamed: m, y: y, a: a, b: b})
	}
	if total, err = g.run(ctx); err != nil {
		return Stats{}, err
	}
	if m.resident == nil {
		total.FirstBlock, total.LastBlock = blockRange(m.file, a, b)
	}
	m.finish(&total, a, b, start)
	return total, nil
}

// source implements [streamed].
func (m *indexed) source() (*cdna.Blocks, *Layout) { return m.file, &m.layout }

// routed implements [streamed].
func (m *indexed) routed() bool { return m.experts != nil }

// dotBlock implements [streamed].
func (m *indexed) dotBlock(ctx context.Context, y []float32, ldy int, in *input, w, i, lo, hi int, s *Stats) error {
	if m.file.InTiles() { // which are multiplied by as they are
		view := &m.engine.buffers.views[w]
		if err := m.fetchTiles(ctx, view.Matrix, w, i, s); err != nil {
			return err
		}
		m.multiply(view, y, ldy, in, lo-m.file.Block(i).FirstRow, hi-lo, s)
		m.complete(y, ldy, in, lo, hi, s)
		return nil
	}
	indices, err := m.fetch(ctx, w, w, i, s)
	if err != nil {
		return err
	}
	first, n := m.file.Block(i).FirstRow, m.Cols()
	indices = indices[(lo-first)*n : (hi-first)*n]
	clock := time.Now()
	if in.rounded() {
		m.engine.kernels.DotIntegers(y, ldy, &in.quantized, indices, hi-lo)
	} else {
		m.engine.kernels.DotRows(y, ldy, &in.packed, m.table, indices, hi-lo)
	}
	lap(&clock, &s.Compute)
	m.complete(y, ldy, in, lo, hi, s)
	return nil
}

// wants implements [operand].
func (m *indexed) wants() (*scales, *corrections) { return m.scales, m.corrections }

// dotRows implements [inMemory].
func (m *indexed) dotRows(y []float32, ldy int, in *input, lo, hi int, s *Stats) {
	m.multiply(m.resident.store, y, ldy, in, lo, hi-lo, s)
	m.complete(y, ldy, in, lo, hi, s)
}

// multiply multiplies rows of a store from first on.
func (m *indexed) multiply(of store, y []float32, ldy int, in *input, first, rows int, s *Stats) {
	clock := time.Now()
	if in.rounded() {
		of.(*tileStore).dotIntegers(m.engine.kernels, y, ldy, &in.quantized, first, rows)
	} else {
		of.dot(m.engine.kernels, y, ldy, &in.packed, m.table, first, rows)
	}
	lap(&clock, &s.Compute)
}

// complete corrects and scales the products with rows [lo, hi).
func (m *indexed) complete(y []float32, ldy int, in *input, lo, hi int, s *Stats) {
	if c := m.corrections; c != nil {
		clock := time.Now()
		m.engine.kernels.DotSparse(y, ldy, in.corrected, c.sparse.Cols(), in.batch, c.sparse, lo, hi-lo)
		lap(&clock, &s.Sidecar)
	}
	if c := m.scales; c != nil && c.row != nil {
		for v := range in.batch {
			kernel.Scale(y[v*ldy:][:hi-lo], c.row[lo:hi])
		}
	}
}

// finish adds to a product's figures those of the matrix.
func (m *indexed) finish(total *Stats, a, b int, start time.Time) {
	if m.corrections != nil {
		total.Corrections = m.corrections.sparse.Count(a, b-a)
	}
	total.BufferBytes, total.ResidentBytes = m.engine.buffers.bytes(), m.residentBytes()
	total.Duration = time.Since(start)
}
