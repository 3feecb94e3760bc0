package transformer

import "slices"

// recurrence is what layers without attention keep of a sequence. A state stands for all tokens before a position and cannot
// be taken back, so copies of earlier ones are kept: a sequence that is cut goes on from the last one before the cut, and
// reads the tokens between again, which gives the bits that it had.
type recurrence struct {
	place []int     // of each layer in a state
	live  []float32 // nil for models that have attention in all layers
	known int       // tokens that live stands for; −1 while a pass changes it, and where one failed
	saved []snapshot
	free  [][]float32
}

// snapshot is a copy of a state.
type snapshot struct {
	position int // tokens that it stands for
	state    []float32
}

// Copies are kept for sequences that are cut: by a guess that was wrong, a few tokens back, or by who goes on with an
// earlier beginning. One is taken before a pass of several tokens of a sequence, or of any after snapshotEvery: reading so
// many again takes hardly longer than one. There are mostSnapshots at most.
const (
	snapshotEvery = 16
	mostSnapshots = 8
)

// newStates divides memory into a state and copies.
func newStates(l cacheLayout, memory []float32, snapshots int) recurrence {
	if l.state == 0 {
		return recurrence{}
	}
	s := recurrence{place: l.states, live: memory[:l.state], saved: make([]snapshot, 0, snapshots), free: make([][]float32, 0, snapshots)}
	for i := range snapshots {
		s.free = append(s.free, memory[(1+i)*l.state:][:l.state])
	}
	return s
}

// of returns a layer's part of the live state, of n numbers.
func (s *recurrence) of(layer, n int) []float32 { return s.live[s.place[layer]:][:n] }

// begin takes note of a pass of n tokens from a position on, for which live stands.
func (s *recurrence) begin(position, n int) {
	if s.live == nil {
		return
	}
	last := 0
	if k := len(s.saved); k > 0 {
		last = s.saved[k-1].position
	}
	if position > last && (n > 1 || position-last >= snapshotEvery) {
		s.save(position)
	}
	s.known = -1
}

// done takes note that the pass has come to a position.
func (s *recurrence) done(position int) { s.known = position }

// save copies the live state.
func (s *recurrence) save(position int) {
	if len(s.free) == 0 {
		if len(s.saved) == 0 {
			return
		}
		s.drop(s.least(position))
	}
	last := len(s.free) - 1
	state := s.free[last]
	s.free = s.free[:last]
	copy(state, s.live)
	s.saved = append(s.saved, snapshot{position, state})
}

// least is the copy without which the fewest tokens have to be read again, for how far back it lies: so they stand the
// denser, the nearer they are to a position.
func (s *recurrence) least(position int) int {
	at := func(i int) int {
		switch {
		case i < 0:
			return 0
		case i == len(s.saved):
			return position
		}
		return s.saved[i].position
	}
	best, fewest := 0, 0.0
	for i := range s.saved {
		gap := float64(at(i+1)-at(i-1)) / float64(position-at(i)+1)
		if i == 0 || gap < fewest {
			best, fewest = i, gap
		}
	}
	return best
}

// drop gives up a copy.
func (s *recurrence) drop(i int) {
	s.free = append(s.free, s.saved[i].state)
	s.saved = slices.Delete(s.saved, i, i+1)
}

// forget takes note that the sequence is cut after n tokens.
func (s *recurrence) forget(n int) {
	for k := len(s.saved); k > 0 && s.saved[k-1].position > n; k-- {
		s.drop(k - 1)
	}
	if s.known > n {
		s.known = -1
	}
}

// rewind returns how many of a sequence's n tokens the live state stands for, having brought the last copy there where
// it stood for none that is known.
func (s *recurrence) rewind(n int) int {
	switch {
	case s.live == nil:
		return n
	case s.known >= 0:
	case len(s.saved) == 0:
		s.known = 0 // what is before the first token is no state
	default:
		last := s.saved[len(s.saved)-1]
		copy(s.live, last.state)
		s.known = last.position
	}
	return s.known
}
