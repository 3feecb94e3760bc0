package stream

import (
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// TestSuccession: what follows is known once it came, and again when it came twice; not what comes now so, now so, as where
// experts are chosen. It does not grow without bound, and forgets files.
func TestSuccession(t *testing.T) {
	f := &cdna.Blocks{}
	run := func(i int) blockRun { return blockRun{f, i, i + 1} }
	var s succession
	for i, c := range []struct {
		now      int
		expected bool
		next     blockRun // of what comes after it
	}{
		{1, true, blockRun{}}, {2, true, blockRun{}}, {1, true, run(2)}, // 2 came after 1
		{3, false, blockRun{}}, {1, true, blockRun{}}, // now 3 did
		{3, true, run(1)}, {1, true, run(3)}, // twice
		{2, false, run(1)}, {1, true, blockRun{}},
	} {
		expected := s.follow(run(c.now))
		next := s.next[run(c.now)]
		if next.differs {
			next.blockRun = blockRun{}
		}
		if expected != c.expected || next.blockRun != c.next {
			t.Errorf("%d: %d was expected: %v, want %v; after it comes %+v, want %+v", i, c.now, expected, c.expected, next.blockRun, c.next)
		}
	}
	for i := range 2 * mostFollowers {
		s.follow(run(i))
	}
	if len(s.next) > mostFollowers {
		t.Errorf("%d followers are kept", len(s.next))
	}
	s.forget(f)
	if len(s.next) > 0 || s.before != (blockRun{}) {
		t.Errorf("of a file that was closed, %d runs are known", len(s.next))
	}
}
