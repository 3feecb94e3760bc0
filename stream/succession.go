package stream

import "github.com/helix-substrate/helix-substrate/cdna"

// succession says which blocks followed which.
type succession struct {
	next   map[blockRun]follower
	before blockRun
}

// follower is what came after a run of blocks the last time.
type follower struct {
	blockRun
	differs bool // from what came the time before: nobody knows what comes next, as where experts are chosen
}

// mostFollowers bounds a succession's memory, to some hundred kilobytes. Only experts make so many runs.
const mostFollowers = 1 << 12

// follow takes note of what comes now, and tells whether that is what had been known to come, if anything was.
func (s *succession) follow(now blockRun) (expected bool) {
	if s.next == nil {
		s.next = map[blockRun]follower{}
	}
	expected = true
	if s.before.file != nil {
		last, known := s.next[s.before]
		expected = !known || last.differs || last.blockRun == now
		if known || len(s.next) < mostFollowers {
			s.next[s.before] = follower{now, known && last.blockRun != now}
		}
	}
	s.before = now
	return expected
}

// forget removes what is known of a file.
func (s *succession) forget(f *cdna.Blocks) {
	for from, to := range s.next {
		if from.file == f || to.file == f {
			delete(s.next, from)
		}
	}
	if s.before.file == f {
		s.before = blockRun{}
	}
}
