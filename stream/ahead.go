package stream

import "github.com/helix-substrate/helix-substrate/cdna"

// While workers unpack and multiply, the system reads the blocks that come next: it is told of readAhead of them before they are
// wanted, aheadStep at a time, so that a disk always has as many requests. As a model's products come round in the same order,
// those that a group's end leaves are the ones that the next group began with the last time.
const (
	readAhead = 8
	aheadStep = 4
)

// tellOf tells of what comes readAhead blocks after block i, which is next: where a file's blocks are read in order.
func tellOf(f *cdna.Blocks, i int) {
	if i == 0 {
		f.Ahead(1, readAhead)
	}
	if i%aheadStep == 0 {
		f.Ahead(i+readAhead, i+readAhead+aheadStep)
	}
}

// blockRun is some blocks of a file that follow each other.
type blockRun struct {
	file        *cdna.Blocks // nil for none
	first, last int
}

func (r blockRun) tell() {
	if r.file != nil {
		r.file.Ahead(r.first, r.last)
	}
}

// succession says what groups began with, by what the ones before them began with.
type succession struct {
	next   map[blockRun]follower
	before blockRun
}

// follower is what came after a group the last time.
type follower struct {
	blockRun
	differs bool // from what came the time before: nobody knows what comes next, as where experts are chosen
}

// mostFollowers bounds a succession's memory, to some hundred kilobytes. Only experts make so many groups.
const mostFollowers = 1 << 12

// follow takes note of what a group begins with, and returns what the next one will; nothing where that is not known.
func (s *succession) follow(begins blockRun) (next blockRun) {
	if s.next == nil {
		s.next = map[blockRun]follower{}
	}
	if s.before.file != nil {
		last, known := s.next[s.before]
		if known || len(s.next) < mostFollowers {
			s.next[s.before] = follower{begins, known && last.blockRun != begins}
		}
	}
	s.before = begins
	if f := s.next[begins]; !f.differs {
		return f.blockRun
	}
	return blockRun{}
}

// forget has no product tell of a file from here on: it is about to be closed.
func (e *Engine) forget(f *cdna.Blocks) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &e.group.order
	for from, to := range s.next {
		if from.file == f || to.file == f {
			delete(s.next, from)
		}
	}
	if s.before.file == f {
		s.before = blockRun{}
	}
}

// begins returns the blocks that the group's first streamed job begins with.
func (g *group) begins() blockRun {
	for i := range g.jobs {
		if j := &g.jobs[i]; j.streamed != nil && j.a < j.b {
			file, _ := j.streamed.source()
			first, last := blockRange(file, j.a, j.b)
			return blockRun{file, first, min(last, first+readAhead)}
		}
	}
	return blockRun{}
}

// tellFrom tells of what comes readAhead parts after part i, which begins.
func (g *group) tellFrom(i int) {
	if i == 0 {
		g.tell(1, readAhead)
	}
	if i%aheadStep == 0 {
		g.tell(i+readAhead, i+readAhead+aheadStep)
	}
	if i == max(0, len(g.parts)-readAhead) {
		g.ahead.tell()
	}
}

// tell tells of the blocks of parts [from, to).
func (g *group) tell(from, to int) {
	to = min(to, len(g.parts))
	for from < to {
		j := g.parts[from].job
		end := from + 1
		for end < to && g.parts[end].job == j {
			end++
		}
		if j.streamed != nil {
			file, _ := j.streamed.source()
			file.Ahead(g.parts[from].block, g.parts[end-1].block+1)
		}
		from = end
	}
}
