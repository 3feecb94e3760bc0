package ranges

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A Window's unit is what it is divided into, and the first read of a file fetches: larger ones take fewer requests, smaller ones
// fetch less that is dropped again where files are many and only their heads are read at first.
const (
	coarse = 256 << 10
	fine   = 64 << 10
)

// mostRequests is how many requests for a window are under way at a time.
const mostRequests = 16

// DefaultWindow is the size in bytes of the Window that New makes where it is given none.
const DefaultWindow = 32 << 20

// Window is the memory, outside the Go heap, that remote files read through. Several files may share one.
// It holds what was fetched lately and what readers that go forward will want next;
// it never grows beyond its size. Safe for concurrent use.
type Window struct {
	mu      sync.Mutex
	unit    int64 // bytes of a chunk
	limit   int   // chunks
	most    int64 // bytes, as it was made
	made    *buffers
	free    [][]byte
	chunks  map[chunkKey]*chunk
	clock   uint64        // counts fetched chunks
	changed chan struct{} // closed when a chunk may have become free

	requests chan struct{} // holds one for each request under way
	fetched  atomic.Int64
}

type chunkKey struct {
	file  *Reader
	index int64
}

// chunk is a unit of bytes of a file, fewer at its end. data and err are set before
// ready is closed; the other fields belong to the window's lock.
type chunk struct {
	key   chunkKey
	data  []byte
	err   error
	ready chan struct{}

	settled bool   // ready, and no longer written to
	pins    int    // readers that wait for it or copy from it
	spent   bool   // read to its end: a reader that goes forward will not be back
	used    uint64 // clock of the last use
}

// NewWindow returns a window of so many bytes, rounded down to whole chunks of
// 256 KiB, at least 8 of them. Memory is taken as it is needed.
func NewWindow(bytes int64) *Window { return newWindow(bytes, coarse) }

// NewFineWindow is NewWindow of chunks of 64 KiB, for model directories, which have a file for each matrix.
func NewFineWindow(bytes int64) *Window { return newWindow(bytes, fine) }

func newWindow(bytes, unit int64) *Window {
	w := &Window{
		unit:    unit,
		most:    bytes,
		made:    &buffers{all: map[*byte][]byte{}},
		chunks:  map[chunkKey]*chunk{},
		changed: make(chan struct{}),

		requests: make(chan struct{}, mostRequests),
	}
	w.resize(bytes)
	runtime.AddCleanup(w, (*buffers).freeAll, w.made)
	return w
}

// A window is a share of what the process may take, if that is limited, but as large as it takes to keep a few requests under way.
const (
	share = 64
	least = 1 << 20
)

// Within makes the window one for a process that may take so many bytes, 0 for any number, and returns how many of these the window takes at most.
func (w *Window) Within(limit int64) int64 {
	if limit > 0 {
		w.resize(min(max(limit/share, least), w.most))
	}
	return w.Bytes()
}

// resize makes it a window of so many bytes, as NewWindow does. What it holds beyond that goes, some of it only when nobody uses it any more.
func (w *Window) resize(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = int(max(8, min(bytes/w.unit, 1<<20)))
	for len(w.made.all) > w.limit {
		b := w.buffer(true)
		if b == nil {
			return
		}
		w.made.free(b)
	}
}

// Fetched returns how many bytes have come into the window so far.
func (w *Window) Fetched() int64 { return w.fetched.Load() }

// Bytes returns the most that the window holds, all of it outside the Go heap.
func (w *Window) Bytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(w.limit) * w.unit
}

// longestRun is how many chunks one request may fetch: an eighth of the window, so
// that a few readers and their read-ahead fit, and at most 4 MiB.
func (w *Window) longestRun() int64 { return min(int64(w.limit/8), 4<<20/w.unit) }

// find pins and returns the chunk if it is there or on its way. The lock is held.
func (w *Window) find(key chunkKey) *chunk {
	c := w.chunks[key]
	if c != nil {
		c.pins++
		c.used = w.clock
	}
	return c
}

// unpin ends a reader's use; spent says that it read the chunk to its end.
func (w *Window) unpin(c *chunk, spent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.pins--
	c.spent = c.spent || spent
	w.recycle(c)
	w.wake()
}

// reserve takes chunks for [first, end), fewer where the window is short of room or
// already has the next. wanted says that a reader waits for the first; the rest,
// read-ahead, only takes what nobody is likely to need. The lock is held.
func (w *Window) reserve(file *Reader, first, end int64, wanted bool) []*chunk {
	var run []*chunk
	for i := first; i < end && w.chunks[chunkKey{file, i}] == nil; i++ {
		buffer := w.buffer(wanted && i == first)
		if buffer == nil {
			break
		}
		w.clock++
		c := &chunk{key: chunkKey{file, i}, data: buffer[:min(w.unit, file.Size()-i*w.unit)], ready: make(chan struct{}), used: w.clock}
		w.chunks[c.key] = c
		run = append(run, c)
	}
	return run
}

// buffer returns a free buffer, a new one, or that of the chunk longest unused: any
// settled one if the need is urgent, otherwise one that is spent or stale. nil if
// there is none.
func (w *Window) buffer(urgent bool) []byte {
	if n := len(w.free); n > 0 {
		b := w.free[n-1]
		w.free = w.free[:n-1]
		return b
	}
	if len(w.made.all) < w.limit {
		return w.made.alloc(w.unit)
	}
	var victim *chunk
	for _, c := range w.chunks {
		if !c.settled || c.pins > 0 {
			continue
		}
		stale := w.clock-c.used >= uint64(w.limit)
		if !urgent && !c.spent && !stale {
			continue
		}
		if victim == nil || c.spent && !victim.spent || c.spent == victim.spent && c.used < victim.used {
			victim = c
		}
	}
	if victim == nil {
		return nil
	}
	delete(w.chunks, victim.key)
	return victim.data[:w.unit]
}

// settle ends the filling of a chunk. One that failed is not kept.
func (w *Window) settle(c *chunk, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.err = err
	c.settled = true
	close(c.ready)
	if (err != nil || c.key.file.ctx.Err() != nil) && w.chunks[c.key] == c {
		delete(w.chunks, c.key)
	}
	w.recycle(c)
	w.wake()
}

// recycle frees the buffer of a chunk that is out of the window and out of use. The
// lock is held.
func (w *Window) recycle(c *chunk) {
	if c.settled && c.pins == 0 && c.data != nil && w.chunks[c.key] != c {
		if len(w.made.all) > w.limit {
			w.made.free(c.data[:w.unit])
		} else {
			w.free = append(w.free, c.data[:w.unit])
		}
		c.data = nil
	}
}

// drop removes what the window holds of a file; where its context has ended, chunks on their way are dropped when they settle.
func (w *Window) drop(file *Reader) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, c := range w.chunks {
		if key.file == file && c.settled {
			delete(w.chunks, key)
			w.recycle(c)
		}
	}
	w.wake()
}

// wake lets readers without a chunk look again. The lock is held.
func (w *Window) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}
