package stream

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// MatMul computes Y = X @ W. X's last dimension equals Rows; Y keeps X's leading
// dimensions, and its last one is Cols. Errors are ErrShape, ErrBudget, those of
// package cdna, and the context's.
func (m *Matrix) MatMul(ctx context.Context, x Tensor) (Tensor, Stats, error) {
	batch, err := x.batch(m.Rows())
	if err != nil {
		return Tensor{}, Stats{}, err
	}
	y := x.withLast(m.Cols(), batch)
	stats, err := m.accumulate(ctx, y.Data, x.Data, batch)
	if err != nil {
		return Tensor{}, Stats{}, err
	}
	return y, stats, nil
}

// accumulate computes y[v, j] = Σ_r x[v, r]·w[r, j], r ascending, into zeroed y.
// Each worker owns a strip of columns, and every strip must meet the rows in
// order. Of a streamed matrix the workers share a ring of unpacked blocks: each
// one either adds the next block to its strip or, when that is not there yet,
// unpacks another block.
func (m *Matrix) accumulate(ctx context.Context, y, x []float32, batch int) (Stats, error) {
	if err := context.Cause(ctx); err != nil || batch == 0 {
		return Stats{}, err
	}
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	start := time.Now()
	p := &product{m: m, y: y, x: x, batch: batch}
	var sums int64
	if m.sidecar != nil {
		z, err := newArena(e.budget, "sidecar corrections", 4*len(y))
		if err != nil {
			return Stats{}, err
		}
		defer z.release()
		p.z = z.float32s()
		sums = int64(len(z.bytes))
	}
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
	if p.z != nil {
		clock := time.Now()
		e.kernels.AddSparse(y, m.Cols(), p.z, m.Cols(), batch, m.sidecar.corrections)
		lap(&clock, &total.Sidecar)
	}
	m.finish(&total, p.stats, 0, m.Rows(), start)
	total.BufferBytes += sums
	return total, nil
}

// product is one running X @ W.
type product struct {
	m      *Matrix
	y, x   []float32
	z      []float32 // sidecar corrections, nil without a sidecar
	batch  int
	strips int
	stats  []Stats // per worker
	ring   *ring   // of a streamed matrix
}

func (p *product) streamed(ctx context.Context, total *Stats) error {
	e, blocks := p.m.engine, p.m.file.NumBlocks()
	// A worker needs a block to unpack or columns to add to.
	workers := min(e.threads, max(blocks, stripCount(p.m.Cols())))
	ahead := 0
	if blocks > workers {
		ahead = 1 // unpacked while the slowest strip is still adding
	}
	workers, slots, err := e.buffers.reserve(p.m.file, workers, ahead)
	if err != nil {
		return err
	}
	*total = Stats{LastBlock: blocks, Workers: workers}
	p.strips, p.stats, p.ring = workers, make([]Stats, workers), newRing(blocks, slots, workers)
	stop := context.AfterFunc(ctx, func() { p.ring.fail(context.Cause(ctx)) })
	defer stop()
	p.eachStrip(p.work)
	return p.ring.failure()
}

// eachStrip runs do for every strip at once.
func (p *product) eachStrip(do func(strip int)) {
	var wg sync.WaitGroup
	for w := 1; w < p.strips; w++ {
		wg.Go(func() { do(w) })
	}
	do(0)
	wg.Wait()
}

// work runs worker w until its strip has met every block.
func (p *product) work(w int) {
	c0, c1 := stripOf(w, p.strips, p.m.Cols())
	s := &p.stats[w]
	for {
		switch t := p.ring.next(w); t.kind {
		case unpack:
			indices, err := p.m.fetch(w, t.slot, t.block, s)
			if err != nil {
				p.ring.fail(err)
				return
			}
			p.ring.unpacked(t, indices)
		case consume:
			p.add(t, w, c0, c1, s)
			p.ring.consumed(w)
		default:
			return
		}
	}
}

// add adds a block to worker w's columns [c0, c1).
func (p *product) add(t task, w, c0, c1 int, s *Stats) {
	block := p.m.file.Block(t.block)
	rows, cols := p.m.Rows(), p.m.Cols()
	clock := time.Now()
	p.m.engine.kernels.AccumulateRows(p.y[c0:], cols, p.x[block.FirstRow:], rows, p.batch,
		p.m.table, t.indices[c0:], cols, block.Rows, c1-c0)
	lap(&clock, &s.Compute)
	p.correct(w, block.FirstRow, block.FirstRow+block.Rows, s)
}

func (p *product) resident(ctx context.Context, total *Stats) error {
	m, r := p.m, p.m.resident
	rows, cols := m.Rows(), m.Cols()
	p.strips = min(m.engine.threads, stripCount(cols))
	if rows*cols*p.batch < oneWorker {
		p.strips = 1
	}
	*total = Stats{Workers: p.strips}
	p.stats = make([]Stats, p.strips)
	step := max(4, residentChunk/cols&^3)
	p.eachStrip(func(w int) {
		c0, c1 := stripOf(w, p.strips, cols)
		s := &p.stats[w]
		for a := 0; a < rows && ctx.Err() == nil; a += step {
			b := min(a+step, rows)
			clock := time.Now()
			if r.packed != nil {
				m.engine.kernels.AccumulateColumnsPacked(p.y[c0:], cols, p.x[a:], rows, p.batch, m.table, r.packed, a, b-a, c0, c1-c0)
			} else {
				m.engine.kernels.AccumulateRows(p.y[c0:], cols, p.x[a:], rows, p.batch, m.table, r.arena.bytes[a*cols+c0:b*cols], cols, b-a, c1-c0)
			}
			lap(&clock, &s.Compute)
			p.correct(w, a, b, s)
		}
	})
	return context.Cause(ctx)
}

// correct carries the corrections on over rows [a, b): those of all columns, on
// the worker of the first strip, which meets the rows in order like the others.
func (p *product) correct(w, a, b int, s *Stats) {
	if p.z == nil || w > 0 {
		return
	}
	clock := time.Now()
	p.m.engine.kernels.AccumulateSparse(p.z, p.m.Cols(), p.x[a:], p.m.Rows(), p.batch, p.m.sidecar.corrections, a, b-a)
	lap(&clock, &s.Sidecar)
}

// stripGroup is the unit of a strip: the columns of a cache line of indices.
const stripGroup = 64

// stripCount returns into how many strips columns can be cut.
func stripCount(cols int) int { return (cols + stripGroup - 1) / stripGroup }

// stripOf returns the columns of strip w out of n: whole groups, spread evenly.
func stripOf(w, n, cols int) (c0, c1 int) {
	groups := stripCount(cols)
	return min(cols, groups*w/n*stripGroup), min(cols, groups*(w+1)/n*stripGroup)
}

// MatMulInto is MatMul for a batch of vectors of length Rows in x, row-major, into
// y, as many vectors of length Cols. It allocates nothing that grows with the
// matrix, but for sums as large as y where there is a sidecar.
func (m *Matrix) MatMulInto(ctx context.Context, y, x []float32) (Stats, error) {
	batch := len(x) / m.Rows()
	if len(x) != batch*m.Rows() || len(y) != batch*m.Cols() {
		return Stats{}, fmt.Errorf("x has %d values, y %d; the matrix is [%d, %d]: %w", len(x), len(y), m.Rows(), m.Cols(), ErrShape)
	}
	clear(y)
	return m.accumulate(ctx, y, x, batch)
}
