package stream

import (
	"sync"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// lookahead tells of the blocks of products that come, across as many of these as it takes: a model's products come round in the same
// order, token by token, so that what follows is what followed the last time. A disk is told of readAhead blocks, a place far away of
// as many bytes as it has room for, so that a link is busy however long its answers take.
type lookahead struct {
	order succession
	group []blockRun // of the running group

	mu   sync.Mutex
	told blockRun // what was told of last
	rest blockRun // what is left of it

	blocks, bytes atomic.Int64 // told of, and not begun; below 0 where they begin untold
}

// begin takes note of a group that begins. The engine is locked, and no worker at work.
func (l *lookahead) begin(g *group) {
	l.group = l.group[:0]
	for i := range g.jobs {
		if j := &g.jobs[i]; j.streamed != nil && j.a < j.b {
			file, _ := j.streamed.source()
			first, last := blockRange(file, j.a, j.b)
			l.group = append(l.group, blockRun{file, first, last})
		}
	}
	for _, r := range l.group {
		if !l.order.follow(r) {
			l.restart()
		}
	}
}

// restart takes all that was told of as read or lost.
func (l *lookahead) restart() {
	l.told, l.rest = blockRun{}, blockRun{}
	l.blocks.Store(0)
	l.bytes.Store(0)
}

// next tells of more, where that is due, as block i of a file begins. Several workers may call it at a time; one that
// finds another telling does not wait.
func (l *lookahead) next(file *cdna.Blocks, i int) {
	blocks, bytes := l.blocks.Add(-1), l.bytes.Add(-int64(file.Block(i).CompLen))
	room := file.AheadRoom()
	if !wants(blocks+aheadStep, bytes+room/aheadStep, room) || !l.mu.TryLock() { // not for less than a step
		return
	}
	defer l.mu.Unlock()
	if blocks < 0 { // nobody was told of it
		l.restart()
		for _, r := range l.group {
			if r.file == file && r.first <= i && i < r.last {
				l.told, l.rest = r, blockRun{file, i + 1, r.last}
			}
		}
	}
	for wants(l.blocks.Load(), l.bytes.Load(), room) && l.tell(room) {
	}
}

// wants tells whether more is to be told of where so many blocks, of so many bytes, are: by bytes where there is room for so many, as
// what finds none would be told of in vain, else by blocks.
func wants(blocks, bytes, room int64) bool {
	if room > 0 {
		return bytes < room
	}
	return blocks < readAhead+aheadStep
}

// tell tells of the blocks that come next in one file, and reports whether any are known.
func (l *lookahead) tell(room int64) bool {
	if l.rest.first == l.rest.last {
		after := l.order.next[l.told]
		if after.file == nil || after.differs {
			return false
		}
		l.told, l.rest = after.blockRun, after.blockRun
	}
	blocks, bytes, first := l.blocks.Load(), l.bytes.Load(), l.rest.first
	var told int64 // bytes
	for l.rest.first < l.rest.last && wants(blocks+int64(l.rest.first-first), bytes+told, room) {
		told += int64(l.rest.file.Block(l.rest.first).CompLen)
		l.rest.first++
	}
	l.rest.file.Ahead(first, l.rest.first)
	l.blocks.Add(int64(l.rest.first - first))
	l.bytes.Add(told)
	return true
}

// forget has it tell no more of a file, which is about to be closed.
func (l *lookahead) forget(f *cdna.Blocks) {
	l.order.forget(f)
	l.restart()
}

// forget has no product tell of a file from here on: it is about to be closed.
func (e *Engine) forget(f *cdna.Blocks) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.group.ahead.forget(f)
}
