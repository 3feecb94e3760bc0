package stream

import (
	"errors"
	"sync"
)

// ring hands out the work of an X @ W product: blocks are unpacked in any order
// by any worker into a fixed number of slots, and each worker consumes all of
// them in order. A slot is free again when every worker has consumed its block.
type ring struct {
	changed *sync.Cond // guards everything below
	blocks  int
	claimed int    // blocks given out for unpacking so far
	slots   []slot // block b lies in slot b mod len(slots)
	strips  []int  // per worker: blocks consumed so far
	err     error
}

func newRing(blocks, slots, strips int) *ring {
	return &ring{
		changed: sync.NewCond(new(sync.Mutex)),
		blocks:  blocks,
		slots:   make([]slot, slots),
		strips:  make([]int, strips),
	}
}

type slot struct {
	ready   bool
	indices []byte
}

type taskKind int

const (
	done taskKind = iota
	unpack
	consume
)

type task struct {
	kind        taskKind
	block, slot int
	indices     []byte // of a block to consume
}

// next returns worker w's next task, waiting for one. Consuming comes first: it
// frees slots.
func (r *ring) next(w int) task {
	r.changed.L.Lock()
	defer r.changed.L.Unlock()
	for r.err == nil {
		b := r.strips[w]
		if b == r.blocks {
			return task{kind: done}
		}
		if s := &r.slots[b%len(r.slots)]; b < r.claimed && s.ready {
			return task{kind: consume, block: b, indices: s.indices}
		}
		if r.claimed < r.blocks && r.claimed-r.slowest() < len(r.slots) {
			b, r.claimed = r.claimed, r.claimed+1
			return task{kind: unpack, block: b, slot: b % len(r.slots)}
		}
		r.changed.Wait()
	}
	return task{kind: done}
}

// unpacked publishes the block of an unpack task.
func (r *ring) unpacked(t task, indices []byte) {
	r.changed.L.Lock()
	r.slots[t.slot] = slot{ready: true, indices: indices}
	r.changed.L.Unlock()
	r.changed.Broadcast()
}

// consumed tells that worker w has consumed its next block.
func (r *ring) consumed(w int) {
	r.changed.L.Lock()
	before := r.slowest()
	r.strips[w]++
	if r.slowest() > before {
		r.slots[before%len(r.slots)] = slot{}
		r.changed.Broadcast()
	}
	r.changed.L.Unlock()
}

// leave tells that worker w is gone. If that was a panic, the others must not wait for its strip.
func (r *ring) leave(w int) {
	r.changed.L.Lock()
	whole := r.strips[w] == r.blocks
	r.changed.L.Unlock()
	if !whole {
		r.fail(errLeft)
	}
}

var errLeft = errors.New("a strip was given up")

// fail stops every worker; the first error stays.
func (r *ring) fail(err error) {
	r.changed.L.Lock()
	if r.err == nil {
		r.err = err
	}
	r.changed.L.Unlock()
	r.changed.Broadcast()
}

// failure returns the error that stopped the product, nil if none did.
func (r *ring) failure() error {
	r.changed.L.Lock()
	defer r.changed.L.Unlock()
	return r.err
}

// slowest returns the number of blocks that every worker has consumed.
func (r *ring) slowest() int {
	least := r.blocks
	for _, n := range r.strips {
		least = min(least, n)
	}
	return least
}
