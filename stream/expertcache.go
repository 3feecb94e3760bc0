package stream

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/workers"
)

// ExpertBytes returns the most that the blocks of one of a file's experts take in an [ExpertCache], as they are packed. It is 0 where
// an expert has no blocks of its own, which end where its rows end, or a file no blocks that lie in it: then it is not for a cache.
func ExpertBytes(f *cdna.Blocks, experts int) int64 {
	per := expertBlocks(f, experts)
	if per == 0 {
		return 0
	}
	most, sum := int64(0), int64(0)
	for i := range f.NumBlocks() {
		if i%per == 0 {
			sum = 0
		}
		sum += int64(placeSize(f.Block(i).CompLen))
		most = max(most, sum)
	}
	return most
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

// placeSize is what a packed block takes in a slot: the next one begins at a cache line's beginning.
func placeSize(n int) int { return (n + 63) &^ 63 }

// ExpertCache reads the experts of matrices that are used together, such as a layer's, and holds some: those that are chosen
// often. Of a matrix [experts·rows, cols] an expert has as many rows as another, one behind the other. What is held are blocks as they are
// packed, so that it is known beforehand what they take; those of lattice files of the codec "packed" are multiplied by as they lie there. Results do not depend on
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
	cache *ExpertCache
	of    *blocks
	file  *cdna.Blocks
	per   int // blocks of an expert
	base  int // in a slot
	state []atomic.Uint32
}

// The states of a block's place.
const (
	empty uint32 = iota
	filling
	full
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
	if slots > 0 && c.slot > 0 {
		var err error
		if c.arena, err = newWeights(e.budget, "experts", slots*c.slot); err != nil {
			return nil, err
		}
	}
	for _, p := range c.parts {
		p.of.experts = p
	}
	e.upcoming.reserve(experts * len(c.parts))
	if len(shares) == experts {
		c.holding.seed(shares)
	}
	return c, nil
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
			for _, p := range c.parts {
				if !p.holds(i) {
					c.engine.upcoming.add(blockRun{p.file, i * p.per, (i + 1) * p.per})
				}
			}
		}
		first = end
	}
	c.hits -= int64(len(h.missing))
	c.engine.upcoming.advance(0)
}

// Fill reads the experts that are chosen most often, by the shares that the cache was made with, into its slots. Blocks are checked when they are used. Errors
// are those of reading and the context's.
func (c *ExpertCache) Fill(ctx context.Context) error {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	c.holding.fill()
	e.upcoming.reset()
	for _, p := range c.parts {
		for _, i := range c.holding.expert {
			e.upcoming.add(blockRun{p.file, int(i) * p.per, (int(i) + 1) * p.per})
		}
	}
	e.upcoming.advance(0)
	for _, p := range c.parts {
		err := e.pool.Run(ctx, e.threads, len(p.state), workers.Func(func(_, at int) error {
			_, err := p.read(ctx, nil, int(c.holding.expert[at/p.per])*p.per+at%p.per)
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
		for i := range p.state[slot*p.per:][:p.per] {
			p.state[slot*p.per+i].Store(empty)
		}
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
	for _, p := range c.parts {
		p.of.experts = nil
	}
	return c.arena.release()
}

// holds tells whether all blocks of an expert are in memory.
func (p *expertBlocksOf) holds(expert int) bool {
	s := int(p.cache.holding.slot[expert])
	if s == nowhere {
		return false
	}
	for i := range p.per {
		if p.state[s*p.per+i].Load() != full {
			return false
		}
	}
	return true
}

// read returns the packed bytes of block i, from their place where there is one, else in dst, which has room for them. Several
// workers may want the same block at a time.
func (p *expertBlocksOf) read(ctx context.Context, dst []byte, i int) ([]byte, error) {
	var state *atomic.Uint32
	if s := int(p.cache.holding.slot[i/p.per]); s != nowhere {
		state = &p.state[s*p.per+i%p.per]
		place := p.place(s, i)
		if state.Load() == full {
			return place, nil
		}
		if state.CompareAndSwap(empty, filling) {
			dst = place
		} else {
			state = nil // another worker reads it
		}
	}
	err := p.file.ReadCompressed(ctx, dst, i)
	if state != nil && err == nil {
		state.Store(full)
	} else if state != nil {
		state.Store(empty)
	}
	p.cache.read.Add(int64(len(dst)))
	p.cache.engine.upcoming.advance(len(dst))
	return dst, err
}

// place is that of block i in a slot.
func (p *expertBlocksOf) place(slot, i int) []byte {
	at := slot*p.cache.slot + p.base
	for k := i - i%p.per; k < i; k++ {
		at += placeSize(p.file.Block(k).CompLen)
	}
	return p.cache.arena.bytes[at:][:p.file.Block(i).CompLen]
}
