package stream

import (
	"slices"
	"sync"
)

// upcoming is the blocks of chosen experts that are not held, in the order in which they will be read. The system is told of them as soon as the
// router has spoken, as far as upcomingBytes ahead of what has been read, so that a disk has requests while other experts are
// multiplied by, and what is read ahead stays small.
type upcoming struct {
	mu         sync.Mutex
	runs       []blockRun
	next       int   // of runs, the first that has not been told of, or not all of it
	told, read int64 // bytes
}

// upcomingBytes is enough for a disk that takes many requests, and a few experts of most models.
const upcomingBytes = 16 << 20

// reserve makes room for so many runs.
func (u *upcoming) reserve(n int) { u.runs = slices.Grow(u.runs[:0], n) }

// reset forgets all runs.
func (u *upcoming) reset() { u.runs, u.next, u.told, u.read = u.runs[:0], 0, 0, 0 }

// add adds blocks behind those that are there.
func (u *upcoming) add(r blockRun) { u.runs = append(u.runs, r) }

// advance takes note of n bytes read, and tells of what comes next.
func (u *upcoming) advance(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.read += int64(n)
	for u.next < len(u.runs) && u.told < u.read+upcomingBytes {
		r := &u.runs[u.next]
		next := min(r.first+aheadStep, r.last)
		r.file.Ahead(r.first, next)
		for ; r.first < next; r.first++ {
			u.told += int64(r.file.Block(r.first).CompLen)
		}
		if r.first == r.last {
			u.next++
		}
	}
}
