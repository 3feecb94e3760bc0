package stream

import (
	"sync"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/internal/uncached"
)

// expertReads are the reads of chosen experts that go past the page cache straight to their slots, in the order of use. A read is of all blocks
// that an expert has in a matrix, which follow each other in the file. While workers multiply, readsAtOnce are under way; whoever finds what it needs not there yet
// waits for one to end, and begins others. Its methods do nothing where it is nil: on systems without such reads.
type expertReads struct {
	mu      sync.Mutex
	ended   sync.Cond // broadcast when a read has ended
	waits   bool      // somebody waits for the queue, without the lock
	queue   *uncached.Queue
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
	if err != nil { // a queue of this process's own, which could be waited for when it was made, with reads under way: nothing is known to make it fail
		panic(err)
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

// settle ends what is under way, and forgets the rest: no slot is written to after it.
func (r *expertReads) settle() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for ; r.begun < len(r.list); r.begun++ {
		r.list[r.begun].of.mark(int(r.list[r.begun].slot), empty)
	}
	for r.running > 0 {
		r.end()
	}
	r.list, r.begun = r.list[:0], 0
}

// close ends the queue.
func (r *expertReads) close() error {
	if r == nil {
		return nil
	}
	r.settle()
	return r.queue.Close()
}
