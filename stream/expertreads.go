package stream

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/internal/uncached"
)

// expertReads are the reads of chosen experts that go past the page cache straight to their slots, in the order of use. A read is of all blocks
// that an expert has in a matrix, which follow each other in the file. While workers multiply, readsAtOnce are under way; whoever finds what it needs not there yet
// waits for one to end, and begins others. Its methods do nothing where it is nil: on systems without such reads.
type expertReads struct {
	mu      sync.Mutex
	ended   sync.Cond       // broadcast when a read has ended
	waits   bool            // somebody waits for the queue, without the lock
	queue   *uncached.Queue // nil once waiting for it has failed
	failure error           // that of waiting
	list    []expertRead
	begun   int // of list
	running int
}

// expertRead is one of an expert's blocks in a matrix, to its slot.
type expertRead struct {
	of           *expertBlocksOf
	expert, slot int32
}

// readsAtOnce is what keeps a disk busy that takes requests of 128 KiB or more: a system divides larger ones.
const readsAtOnce = 16

// newExpertReads returns nil where the system has no such reads.
func newExpertReads() *expertReads {
	q, err := uncached.NewQueue(readsAtOnce)
	if err != nil {
		return nil
	}
	r := &expertReads{queue: q}
	r.ended.L = &r.mu
	return r
}

// reserve makes room for n reads. Those of other caches that are under way end before.
func (r *expertReads) reserve(n int) {
	if r != nil && cap(r.list) < n {
		r.settle()
		r.list = make([]expertRead, 0, n)
	}
}

// add puts a read behind those that are there, if its file can be read so, and marks its blocks, which are empty, as coming. Nobody waits yet.
func (r *expertReads) add(of *expertBlocksOf, expert, slot int) {
	if r == nil || of.direct == nil || len(r.list) == cap(r.list) {
		return
	}
	of.mark(slot, coming)
	r.list = append(r.list, expertRead{of, int32(expert), int32(slot)})
}

// begin begins reading.
func (r *expertReads) begin() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fill()
}

// fill begins as many reads as may be under way. What cannot be read so is left to who needs it.
func (r *expertReads) fill() {
	if r.queue == nil {
		r.forget()
		return
	}
	for ; r.running < readsAtOnce && r.begun < len(r.list); r.begun++ {
		at := &r.list[r.begun]
		off, n := at.of.span(int(at.expert))
		err := r.queue.Read(at.of.direct, at.of.slotBytes(int(at.slot))[:n], off, uint64(r.begun))
		if err != nil {
			at.of.mark(int(at.slot), empty)
			continue
		}
		r.running++
	}
}

// await waits until a block is not coming any more.
func (r *expertReads) await(state *atomic.Uint32) {
	if r == nil || state.Load() != coming {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for state.Load() == coming {
		if r.waits {
			r.ended.Wait()
			continue
		}
		r.end()
		r.fill()
	}
}

// end waits for a read to end, of those under way. Others may look at what has ended meanwhile.
func (r *expertReads) end() {
	r.waits = true
	r.mu.Unlock()
	done, err := r.queue.Wait()
	r.mu.Lock()
	r.waits = false
	defer r.ended.Broadcast()
	if err != nil {
		r.abandon(err)
		return
	}
	r.running--
	at := &r.list[done.Tag]
	if done.Err != nil || done.N < at.of.needed(int(at.expert)) {
		at.of.mark(int(at.slot), empty) // who needs it reads it in the ordinary way, and tells what is wrong
		return
	}
	at.of.mark(int(at.slot), here)
	at.of.cache.read.Add(at.of.packed(int(at.expert)))
}

// abandon ends the queue, whose close waits for what is under way: everything is read in the ordinary way from now on. The error is told at the end,
// as no result is wrong for it: where closing fails too, what is under way may still be written, and its places are lost.
func (r *expertReads) abandon(err error) {
	closed := r.queue.Close()
	r.failure = errors.Join(err, closed)
	r.queue, r.running = nil, 0
	left := empty
	if closed != nil {
		left = lost
	}
	for _, at := range r.list[:r.begun] {
		if at.of.any(int(at.slot), coming) {
			at.of.mark(int(at.slot), left)
		}
	}
	r.forget()
}

// forget leaves the reads that have not begun to who needs them.
func (r *expertReads) forget() {
	for ; r.begun < len(r.list); r.begun++ {
		r.list[r.begun].of.mark(int(r.list[r.begun].slot), empty)
	}
}

// settle ends what is under way, and forgets the rest: no slot is written to after it.
func (r *expertReads) settle() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	for r.running > 0 {
		r.end()
	}
	r.list, r.begun = r.list[:0], 0
}

// close ends the queue. Its error is also that of a queue that could not be waited for.
func (r *expertReads) close() error {
	if r == nil {
		return nil
	}
	r.settle()
	if r.queue == nil {
		return r.failure
	}
	return r.queue.Close()
}
