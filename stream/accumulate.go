package stream

import (
	"context"
	"sync"
	"time"
)

// MatMul computes Y = X @ W. X's last dimension equals Rows; Y keeps X's leading
// dimensions, and its last one is Cols. Errors are ErrShape, those of package
// cdna, and the context's.
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

// accumulate computes y[v, j] = Σ_r x[v, r]·w[r, j], r ascending. Each worker owns
// a strip of columns, and every strip must meet the blocks in order; so the
// workers share a ring of unpacked blocks, and each one either adds the next
// block to its strip or, when that is not there yet, unpacks another block.
func (m *Matrix) accumulate(ctx context.Context, y, x []float32, batch int) (Stats, error) {
	if batch == 0 {
		return Stats{}, nil
	}
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()

	start := time.Now()
	blocks := m.file.NumBlocks()
	total := Stats{LastBlock: blocks, Workers: e.threads}
	slots := min(blocks, e.threads+2)
	if err := e.reserve(slots, m.file.MaxCompLen(), m.file.MaxBlockLen()); err != nil {
		return Stats{}, err
	}
	ring := &ring{
		blocks:  blocks,
		slots:   make([]slot, slots),
		strips:  make([]int, e.threads),
		changed: sync.NewCond(new(sync.Mutex)),
	}
	p := &product{m: m, y: y, x: x, batch: batch, ring: ring}
	if m.sidecar != nil {
		p.z = make([]float32, batch*m.Cols())
	}

	stop := context.AfterFunc(ctx, func() { ring.fail(context.Cause(ctx)) })
	defer stop()
	var wg sync.WaitGroup
	stats := make([]Stats, e.threads)
	for w := range e.threads {
		wg.Go(func() { p.work(w, &stats[w]) })
	}
	wg.Wait()
	if err := ring.failure(); err != nil {
		return Stats{}, err
	}
	clock := time.Now()
	if m.sidecar != nil {
		m.addCorrections(y, p.z, batch)
		lap(&clock, &total.Sidecar)
	}
	m.finish(&total, stats, 0, m.Rows(), start)
	return total, nil
}

// product is one running X @ W.
type product struct {
	m     *Matrix
	y, x  []float32
	z     []float32 // sidecar corrections, nil without a sidecar
	batch int
	ring  *ring
}

// work runs worker w until its strip has met every block.
func (p *product) work(w int, s *Stats) {
	c0, c1 := stripOf(w, len(p.ring.strips), p.m.Cols())
	for {
		switch t := p.ring.next(w); t.kind {
		case unpack:
			indices, err := p.m.load(&p.m.engine.buffers[t.slot], t.block, s)
			if err != nil {
				p.ring.fail(err)
				return
			}
			p.ring.unpacked(t, indices)
		case consume:
			p.add(t, c0, c1, s)
			p.ring.consumed(w)
		default:
			return
		}
	}
}

// add adds a block to columns [c0, c1).
func (p *product) add(t task, c0, c1 int, s *Stats) {
	if c0 == c1 {
		return
	}
	info := p.m.file.Block(t.block)
	rows, cols := p.m.Rows(), p.m.Cols()
	clock := time.Now()
	p.m.engine.kernels.AccumulateRows(p.y[c0:], cols, p.x[info.FirstRow:], rows, p.batch,
		p.m.table, t.indices[c0:], cols, info.Rows, c1-c0)
	lap(&clock, &s.Compute)
	if p.z != nil {
		p.m.correctAccumulate(p.z, p.x, p.batch, t.indices, info.FirstRow, info.FirstRow+info.Rows, c0, c1)
		lap(&clock, &s.Sidecar)
	}
}

// stripOf returns the columns of worker w out of n: whole groups of 64 columns,
// a cache line of indices, spread evenly.
func stripOf(w, n, cols int) (c0, c1 int) {
	groups := (cols + 63) / 64
	return min(cols, groups*w/n*64), min(cols, groups*(w+1)/n*64)
}
