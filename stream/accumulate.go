package stream

import (
	"cmp"
	"context"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/workers"
)

// MatMul computes Y = X @ W. X's last dimension equals Rows; Y keeps X's leading
// dimensions, and its last one is Cols. Errors are ErrShape, ErrBudget, those of
// package cdna, and the context's.
func (m *indexed) MatMul(ctx context.Context, x Tensor) (Tensor, Stats, error) {
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
func (m *indexed) accumulate(ctx context.Context, y, x []float32, batch int) (Stats, error) {
	if err := context.Cause(ctx); err != nil || batch == 0 {
		return Stats{}, err
	}
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	start := time.Now()
	p := &product{m: m, y: y, x: x, batch: batch}
	lent, err := p.borrow()
	if err != nil {
		return Stats{}, err
	}
	defer lent.release()
	var total Stats
	if m.resident != nil {
		err = p.resident(ctx, &total)
	} else {
		err = p.streamed(ctx, &total)
	}
	if err != nil {
		return Stats{}, err
	}
	p.complete(y, &total)
	for i := range p.stats {
		total.add(&p.stats[i])
	}
	m.finish(&total, 0, m.Rows(), start)
	total.BufferBytes += int64(len(lent.bytes))
	return total, nil
}

// borrow takes the memory for corrections and for what is scaled, and scales x.
func (p *product) borrow() (arena, error) {
	m := p.m
	var corrected, scaled int
	if m.corrections != nil {
		corrected = p.batch * m.corrections.sparse.Cols()
	}
	if m.scales != nil {
		scaled = len(p.x) + len(p.y)
	}
	if corrected+scaled == 0 {
		return arena{}, nil
	}
	a, err := newArena(m.engine.budget, "sums and scaled vectors", 4*(corrected+scaled))
	if err != nil {
		return arena{}, err
	}
	rest := a.float32s()
	p.z, rest = rest[:corrected:corrected], rest[corrected:]
	if m.scales != nil {
		x := rest[:len(p.x)]
		copy(x, p.x)
		for v := range p.batch {
			if m.scales.row != nil {
				kernel.Scale(x[v*m.Rows():][:m.Rows()], m.scales.row)
			}
		}
		p.x, p.y = x, rest[len(x):]
	}
	return a, nil
}

// complete corrects the sums and brings them to y.
func (p *product) complete(y []float32, total *Stats) {
	cols := p.m.Cols()
	if c := p.m.corrections; c != nil {
		clock := time.Now()
		c.addSums(p.m.engine.kernels, p.y, p.z, cols, p.batch)
		lap(&clock, &total.Sidecar)
	}
	if c := p.m.scales; c != nil {
		for v := range p.batch {
			out := y[v*cols:][:cols]
			for i, sum := range p.y[v*cols:][:cols] {
				out[c.column.Place(i)] = kernel.Multiply(sum, c.column.Step(i))
			}
		}
	}
}

// product is one running X @ W.
type product struct {
	m      *indexed
	y, x   []float32
	z      []float32 // sums of corrections
	batch  int
	strips int
	stats  []Stats // per worker
	ring   *ring   // of a streamed matrix
}

func (p *product) streamed(ctx context.Context, total *Stats) error {
	e, blocks := p.m.engine, p.m.file.NumBlocks()
	// A worker needs a block to unpack or columns to add to.
	threads := min(e.threads, max(blocks, stripCount(p.m.Cols())))
	ahead := 0
	if blocks > threads {
		ahead = 1 // unpacked while the slowest strip is still adding
	}
	threads, slots, err := e.buffers.reserve(&p.m.layout, threads, ahead)
	if err != nil {
		return err
	}
	*total = Stats{LastBlock: blocks, Workers: threads}
	p.strips, p.stats, p.ring = threads, make([]Stats, threads), newRing(blocks, slots, threads)
	stop := context.AfterFunc(ctx, func() { p.ring.fail(context.Cause(ctx)) })
	defer stop()
	err = p.eachStrip(ctx, func(w int) { p.work(ctx, w) })
	return cmp.Or(p.ring.failure(), err)
}

// eachStrip runs do for every strip at once.
func (p *product) eachStrip(ctx context.Context, do func(strip int)) error {
	return p.m.engine.pool.Run(ctx, p.strips, p.strips, workers.Func(func(_, strip int) error {
		do(strip)
		return nil
	}))
}

// work runs worker w until its strip has met every block.
func (p *product) work(ctx context.Context, w int) {
	defer p.ring.leave(w)
	c0, c1 := stripOf(w, p.strips, p.m.Cols())
	s := &p.stats[w]
	for {
		switch t := p.ring.next(w); t.kind {
		case unpack:
			tellOf(p.m.file, t.block)
			indices, err := p.m.fetch(ctx, w, t.slot, t.block, s)
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
	step := max(8, residentChunk/cols&^7)
	err := p.eachStrip(ctx, func(w int) {
		c0, c1 := stripOf(w, p.strips, cols)
		s := &p.stats[w]
		for a := 0; a < rows && ctx.Err() == nil; a += step {
			b := min(a+step, rows)
			clock := time.Now()
			r.store.accumulate(m.engine.kernels, p.y[c0:], cols, p.x[a:], rows, p.batch, m.table, a, b-a, c0, c1-c0)
			lap(&clock, &s.Compute)
			p.correct(w, a, b, s)
		}
	})
	return cmp.Or(err, context.Cause(ctx))
}

// correct carries the corrections on over rows [a, b): those of all columns, on
// the worker of the first strip, which meets the rows in order like the others.
func (p *product) correct(w, a, b int, s *Stats) {
	c := p.m.corrections
	if c == nil || w > 0 {
		return
	}
	clock := time.Now()
	p.m.engine.kernels.AccumulateSparse(p.z, c.sparse.Cols(), p.x[a:], p.m.Rows(), p.batch, c.sparse, a, b-a)
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
