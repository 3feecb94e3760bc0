package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/uncached"
	"github.com/helix-substrate/helix-substrate/internal/workers"
)

// ExpertBytes returns the most that the blocks of one of a file's experts take in an [ExpertCache], as they are packed. It is 0 where
// an expert has no blocks of its own, which end where its rows end, or a file no blocks that lie in it: then it is not for a cache.
func ExpertBytes(f *cdna.Blocks, experts int) int64 {
	per := expertBlocks(f, experts)
	if per == 0 {
		return 0
	}
	most := int64(0)
	for i := range experts {
		_, n := span(f, i*per, (i+1)*per)
		most = max(most, int64(n))
	}
	return most
}

// span is where blocks [first, last) lie in a file, with what is before and behind them in the units of a disk.
func span(f *cdna.Blocks, first, last int) (off int64, n int) {
	const unit = uncached.Unit
	from, end := f.Block(first), f.Block(last-1)
	off = from.Offset / unit * unit
	return off, int((end.Offset+int64(end.CompLen)+unit-1)/unit*unit - off)
}

// expertBlocks returns how many blocks an expert has of its own, 0 for none.
func expertBlocks(f *cdna.Blocks, experts int) int {
	block := f.Block(0).Rows
	if experts < 1 || f.Rows()%experts != 0 || f.Rows()/experts%block != 0 || f.HeadSHA256() == "" {
		return 0
	}
	return f.Rows() / experts / block
}

// ExpertHeap returns what an expert takes of the Go heap in a cache, with so many blocks of all its matrices.
func ExpertHeap(blocks int) int64 {
	const state, perExpert, perRun = 4, 5 * 4, 32
	return int64(blocks)*(state+perRun) + perExpert
}

// ExpertCache reads the experts of matrices that are used together, such as a layer's, and holds some: those that are chosen
// often. Of a matrix [experts·rows, cols] an expert has as many rows as another, one behind the other. What is held are blocks as they are
// packed, as they lie in the file, so that it is known beforehand what they take, and a disk can write them to their places; those of lattice files of the codec "packed" are multiplied by as they lie there. Results do not depend on
// what is held. It is safe for concurrent use, but Route and the products that follow it are one goroutine's at a time.
type ExpertCache struct {
	engine  *Engine
	parts   []*expertBlocksOf // in the order of use
	slot    int               // bytes
	arena   arena
	holding *holding

	hits, misses int64
	read         atomic.Int64
}

// expertBlocksOf is where a matrix's blocks lie in a cache.
type expertBlocksOf struct {
	cache  *ExpertCache
	of     *blocks
	file   *cdna.Blocks
	direct *uncached.Direct // nil: it is read in the ordinary way
	per    int              // blocks of an expert
	base   int              // in a slot
	state  []atomic.Uint32
}

// The states of a block's place. From full on it stays as it is until the slot is another expert's, or the block turns out damaged.
const (
	empty   uint32 = iota
	filling        // by a worker
	coming         // by expertReads
	lost           // for good: a read that nobody can wait for may still write there
	damaged        // until the next Route, as other workers may look at it now
	here           // what expertReads has brought
	full           // and it is what was expected, packed
	sound          // and it was checked, and can be multiplied by
)

// NewExpertCache returns a cache of so many of the experts that the matrices have, which are the engine's and streamed; where there are no slots
// it holds none, but reads ahead. Shares, if there are any, say how often each expert is chosen. Matrices whose ExpertBytes are 0 are left as they are. The memory, slots times the
// sum of ExpertBytes, is reserved and taken here. Close the cache before the matrices.
func (e *Engine) NewExpertCache(experts, slots int, shares []float64, matrices ...Matrix) (*ExpertCache, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := &ExpertCache{engine: e, holding: newHolding(experts, slots)}
	for _, w := range matrices {
		b := e.blocksOf(w)
		if b == nil {
			return nil, fmt.Errorf("a cache of experts of a matrix that is not streamed: %w", ErrOption)
		}
		n := int(ExpertBytes(b.file, experts))
		if n == 0 {
			continue
		}
		per := expertBlocks(b.file, experts)
		c.parts = append(c.parts, &expertBlocksOf{cache: c, of: b, file: b.file, per: per, base: c.slot, state: make([]atomic.Uint32, slots*per)})
		c.slot += n
	}
	c.openDirect()
	if slots > 0 && c.slot > 0 {
		var err error
		if c.arena, err = newWeights(e.budget, "experts", slots*c.slot); err != nil {
			return nil, errors.Join(err, c.closeDirect())
		}
	}
	for _, p := range c.parts {
		p.of.experts = p
	}
	e.upcoming.reserve(experts * len(c.parts))
	e.reads.reserve(experts * len(c.parts))
	if len(shares) == experts {
		c.holding.seed(shares)
	}
	return c, nil
}

// openDirect opens the files to be read past the page cache, where that can be.
func (c *ExpertCache) openDirect() {
	e := c.engine
	if len(c.holding.expert) == 0 {
		return
	}
	if e.reads == nil {
		e.reads = newExpertReads()
	}
	for _, p := range c.parts {
		if disk := p.file.Disk(); e.reads != nil && disk != nil {
			p.direct, _ = uncached.OpenDirect(disk) // its only error is that it is not supported
		}
	}
}

// closeDirect closes what openDirect has opened.
func (c *ExpertCache) closeDirect() error {
	var errs []error
	for _, p := range c.parts {
		if p.direct != nil {
			errs = append(errs, p.direct.Close())
			p.direct = nil
		}
	}
	return errors.Join(errs...)
}

// blocksOf returns the blocks of a streamed matrix of the engine's own, nil for what is none.
func (e *Engine) blocksOf(w Matrix) *blocks {
	_, s := e.own(w)
	switch m := s.(type) {
	case *indexed:
		return &m.blocks
	case *Lossless:
		return &m.blocks
	}
	return nil
}

// Route tells which experts the next products will be with: of all choices, those of expert i end at place ends[i], and begin where those of
// the one before end. Reading begins at once, for as much as is not held. It allocates nothing.
func (c *ExpertCache) Route(ends []int32) {
	if c == nil || len(c.parts) == 0 {
		return
	}
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	h := c.holding
	c.engine.reads.settle()
	h.route(ends)
	for _, s := range h.taken {
		c.clear(int(s))
	}
	c.misses += int64(len(h.missing))
	c.engine.upcoming.reset()
	first := int32(0)
	for i, end := range ends {
		if end > first {
			c.hits++
			c.expect(i)
		}
		first = end
	}
	c.hits -= int64(len(h.missing))
	c.engine.reads.begin()
	c.engine.upcoming.advance(0)
}

// expect has an expert read that is not held: straight to its slot where that can be, else by who needs it, of which the system is told.
func (c *ExpertCache) expect(expert int) {
	s := int(c.holding.slot[expert])
	for _, p := range c.parts {
		if s != nowhere && p.any(s, damaged) { // perhaps only what was read was
			p.mark(s, empty)
		}
		switch {
		case p.direct != nil && s != nowhere && p.all(s, empty):
			c.engine.reads.add(p, expert, s)
		case s == nowhere || !p.all(s, full):
			c.engine.upcoming.add(blockRun{p.file, expert * p.per, (expert + 1) * p.per})
		}
	}
}

// Fill reads the experts that are chosen most often, by the shares that the cache was made with, into its slots. Blocks are checked when they are used. Errors
// are those of reading and the context's.
func (c *ExpertCache) Fill(ctx context.Context) error {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reads.settle()
	c.holding.fill()
	e.upcoming.reset()
	for _, i := range c.holding.expert {
		c.expect(int(i))
	}
	e.reads.begin()
	e.upcoming.advance(0)
	for _, p := range c.parts {
		err := e.pool.Run(ctx, e.threads, len(p.state), workers.Func(func(_, at int) error {
			_, _, err := p.read(ctx, nil, int(c.holding.expert[at/p.per])*p.per+at%p.per)
			return err
		}))
		if err != nil {
			return err
		}
	}
	c.read.Store(0)
	return nil
}

// clear empties a slot.
func (c *ExpertCache) clear(slot int) {
	for _, p := range c.parts {
		p.mark(slot, empty)
	}
}

// ExpertStats say what a cache did.
type ExpertStats struct {
	// Hits and Misses count the experts of each round of products that were held, and those that were not.
	Hits, Misses int64
	// Read is the bytes of experts that were read from files.
	Read int64
}

// Add sums another cache's into s.
func (s *ExpertStats) Add(o ExpertStats) {
	s.Hits += o.Hits
	s.Misses += o.Misses
	s.Read += o.Read
}

// Stats returns what the cache did since it was made, but for Fill.
func (c *ExpertCache) Stats() ExpertStats {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return ExpertStats{c.hits, c.misses, c.read.Load()}
}

// Bytes returns the memory that the cache holds.
func (c *ExpertCache) Bytes() int64 { return int64(len(c.arena.bytes)) }

// Close frees the memory, after the product that runs, if one does.
func (c *ExpertCache) Close() error {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	c.engine.reads.settle()
	for _, p := range c.parts {
		p.of.experts = nil
	}
	return errors.Join(c.closeDirect(), c.arena.release())
}

// states are those of an expert's blocks in a slot.
func (p *expertBlocksOf) states(slot int) []atomic.Uint32 { return p.state[slot*p.per:][:p.per] }

// mark sets them all, but for those that are lost.
func (p *expertBlocksOf) mark(slot int, to uint32) {
	states := p.states(slot)
	for i := range states {
		if states[i].Load() != lost {
			states[i].Store(to)
		}
	}
}

// all tells whether they are all at least that far, or all empty.
func (p *expertBlocksOf) all(slot int, least uint32) bool {
	states := p.states(slot)
	for i := range states {
		if s := states[i].Load(); s < least || least == empty && s != empty {
			return false
		}
	}
	return true
}

// any tells whether one of them is that.
func (p *expertBlocksOf) any(slot int, state uint32) bool {
	states := p.states(slot)
	for i := range states {
		if states[i].Load() == state {
			return true
		}
	}
	return false
}

// distrust has block i, which failed a check, not be used any more from where it lies.
func (p *expertBlocksOf) distrust(i int) {
	if s := int(p.cache.holding.slot[i/p.per]); s != nowhere {
		state := &p.states(s)[i%p.per]
		if was := state.Load(); was >= here {
			state.CompareAndSwap(was, damaged)
		}
	}
}

// read returns the packed bytes of block i, from their place where there is one, with its state, else in dst, which has room for
// them; where it is nil, as only the place is to be filled, nothing is read then. Several workers may want the same block at a time.
func (p *expertBlocksOf) read(ctx context.Context, dst []byte, i int) ([]byte, *atomic.Uint32, error) {
	if s := int(p.cache.holding.slot[i/p.per]); s != nowhere {
		state, place := &p.states(s)[i%p.per], p.place(s, i)
		p.cache.engine.reads.await(state)
		switch was := state.Load(); {
		case was >= full:
			return place, state, nil
		case was == here:
			if err := p.file.CheckPacked(i, place); err != nil {
				return nil, nil, err
			}
			state.CompareAndSwap(here, full)
			return place, state, nil
		case state.CompareAndSwap(empty, filling):
			err := p.readBlock(ctx, place, i)
			if err != nil {
				state.Store(empty)
				return nil, nil, err
			}
			state.Store(full)
			return place, state, nil
		} // else another worker reads it, or it is damaged there, or lost
	}
	if dst == nil {
		return nil, nil, nil
	}
	return dst, nil, p.readBlock(ctx, dst, i)
}

// readBlock reads block i in the ordinary way.
func (p *expertBlocksOf) readBlock(ctx context.Context, dst []byte, i int) error {
	err := p.file.ReadCompressed(ctx, dst, i)
	p.cache.read.Add(int64(len(dst)))
	p.cache.engine.upcoming.advance(len(dst))
	return err
}

// span is where an expert's blocks lie in the file, as [span] says.
func (p *expertBlocksOf) span(expert int) (off int64, n int) {
	return span(p.file, expert*p.per, (expert+1)*p.per)
}

// needed is how much of that there must be: all but what is behind the last block.
func (p *expertBlocksOf) needed(expert int) int {
	off, _ := p.span(expert)
	last := p.file.Block((expert+1)*p.per - 1)
	return int(last.Offset-off) + last.CompLen
}

// packed is what an expert's blocks are together.
func (p *expertBlocksOf) packed(expert int) (n int64) {
	for i := range p.per {
		n += int64(p.file.Block(expert*p.per + i).CompLen)
	}
	return n
}

// slotBytes are those of the matrix in a slot, and of the ones behind it.
func (p *expertBlocksOf) slotBytes(slot int) []byte {
	return p.cache.arena.bytes[slot*p.cache.slot+p.base:]
}

// place is that of block i in a slot.
func (p *expertBlocksOf) place(slot, i int) []byte {
	off, _ := p.span(i / p.per)
	b := p.file.Block(i)
	return p.slotBytes(slot)[b.Offset-off:][:b.CompLen]
}
