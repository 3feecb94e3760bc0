package grammar

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
)

// Bounds of matching, for all texts of a grammar.
const (
	maxStacks = 1 << 10 // ways to read a text so far
	maxStates = 1 << 12 // kept; where a token needs more all are forgotten, once
	maxTops   = 1 << 17 // of all these, likewise
	maxFrames = 1 << 15 // kept, likewise
	maxTables = 1 << 8  // kept
	maxMasks  = 1 << 6  // kept
	maxNested = 1 << 12 // rules that have to come to an end
	maxSteps  = 1 << 22 // rules looked into for one token
)

// What matching the texts of one grammar takes of memory at most, and MaskMemory more for each token of the vocabulary; and what a grammar does.
const (
	Memory        = 6 << 20
	MaskMemory    = maxMasks / 8
	GrammarMemory = 1 << 20
)

// frame is where a rule goes on, and whom it goes back to. Equal ones are one.
type frame struct {
	at     int32  // a symbol: bytes, or the end of all
	parent *frame // nil: the text
	id     uint32
	depth  int32
}

// state is the set of all ways to read what has come so far.
type state struct {
	tops   []*frame     // each at bytes; by id
	ends   bool         // the text may end here
	edges  []edge       // to what follows, where that is little
	table  *[256]*state // else; nil: not known
	tokens []uint64     // allowed; nil until it is asked for
	of     *Vocabulary  // whose they are
}

// edge leads to the state behind a byte.
type edge struct {
	c  byte
	to *state
}

// maxEdges is how many a state has before it gets a table.
const maxEdges = 8

// automaton makes states as they come up, for all texts of a grammar: they come to the same ones. Who uses it holds its mutex.
type automaton struct {
	mu sync.Mutex

	g      *Grammar
	frames map[[2]uint64]*frame
	states map[string]*state
	tops   int // of all states
	tables int
	masks  int
	steps  int
	dead   *state
	age    int // how often it has forgotten; 1 in the beginning
}

func newAutomaton(g *Grammar) *automaton {
	a := &automaton{g: g}
	a.forget()
	return a
}

// forget forgets all states but those that somebody holds.
func (a *automaton) forget() {
	a.frames, a.states, a.tops, a.tables, a.masks = map[[2]uint64]*frame{}, map[string]*state{}, 0, 0, 0
	a.dead = &state{}
	a.age++
}

// push returns the frame of a place.
func (a *automaton) push(at int32, parent *frame) (*frame, error) {
	key := [2]uint64{uint64(uint32(at)), 0}
	depth := int32(0)
	if parent != nil {
		key[1], depth = uint64(parent.id)+1, parent.depth+1
	}
	if f := a.frames[key]; f != nil {
		return f, nil
	}
	if depth > maxNested {
		return nil, fmt.Errorf("rules nested more than %d deep: %w", maxNested, ErrLimit)
	}
	if len(a.frames) >= maxFrames {
		return nil, fmt.Errorf("more than %d places in rules: %w", maxFrames, ErrLimit)
	}
	f := &frame{at: at, parent: parent, id: uint32(len(a.frames)), depth: depth}
	a.frames[key] = f
	return f, nil
}

// set collects the ways of a state.
type set struct {
	tops map[*frame]bool
	seen map[*frame]bool
	ends bool
}

// start returns the state of the empty text.
func (a *automaton) start() (*state, error) {
	s := &set{tops: map[*frame]bool{}, seen: map[*frame]bool{}}
	for _, at := range a.g.rules[0] {
		if err := a.reach(s, at, nil); err != nil {
			return nil, err
		}
	}
	return a.intern(s)
}

// reach adds to a set all ways that go on from a place, up to the next byte.
func (a *automaton) reach(s *set, at int32, parent *frame) error {
	type place struct {
		at     int32
		parent *frame
	}
	for todo := []place{{at, parent}}; len(todo) > 0; {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if a.steps++; a.steps > maxSteps {
			return fmt.Errorf("more than %d rules for one token: %w", maxSteps, ErrLimit)
		}
		switch symbol := a.g.symbols[p.at]; symbol.kind {
		case endRule:
			if p.parent == nil {
				s.ends = true
			} else {
				todo = append(todo, place{p.parent.at, p.parent.parent})
			}
		case byteRange:
			f, err := a.push(p.at, p.parent)
			if err != nil {
				return err
			}
			if s.tops[f] = true; len(s.tops) > maxStacks {
				return fmt.Errorf("more than %d ways to read a text: %w", maxStacks, ErrLimit)
			}
		case callRule:
			back := p.parent // a call at the end of a rule needs no way back to it
			if a.g.symbols[p.at+1].kind != endRule {
				var err error
				if back, err = a.push(p.at+1, p.parent); err != nil {
					return err
				}
			}
			// The same rule with the same way back is looked into once.
			mark, err := a.push(-1-symbol.rule, back)
			if err != nil {
				return err
			}
			if s.seen[mark] {
				continue
			}
			s.seen[mark] = true
			for _, alternative := range a.g.rules[symbol.rule] {
				todo = append(todo, place{alternative, back})
			}
		}
	}
	return nil
}

// intern returns the one state of a set.
func (a *automaton) intern(s *set) (*state, error) {
	tops := make([]*frame, 0, len(s.tops))
	for f := range s.tops {
		tops = append(tops, f)
	}
	slices.SortFunc(tops, func(a, b *frame) int { return int(int64(a.id) - int64(b.id)) })
	key := make([]byte, 0, 4*len(tops)+1)
	for _, f := range tops {
		key = binary.LittleEndian.AppendUint32(key, f.id)
	}
	if s.ends {
		key = append(key, 1)
	}
	if len(key) == 0 {
		return a.dead, nil
	}
	if known := a.states[string(key)]; known != nil {
		return known, nil
	}
	if a.tops += len(tops); len(a.states) >= maxStates || a.tops > maxTops {
		return nil, fmt.Errorf("more than %d states, or %d ways in them: %w", maxStates, maxTops, ErrLimit)
	}
	made := &state{tops: tops, ends: s.ends}
	a.states[string(key)] = made
	return made, nil
}

// next returns the state behind a byte; dead, if none can follow.
func (a *automaton) next(s *state, c byte) (*state, error) {
	if s.table != nil {
		if n := s.table[c]; n != nil {
			return n, nil
		}
	}
	for _, e := range s.edges {
		if e.c == c {
			return e.to, nil
		}
	}
	to := &set{tops: map[*frame]bool{}, seen: map[*frame]bool{}}
	for _, f := range s.tops {
		if symbol := a.g.symbols[f.at]; symbol.lo <= c && c <= symbol.hi {
			if err := a.reach(to, f.at+1, f.parent); err != nil {
				return nil, err
			}
		}
	}
	n, err := a.intern(to)
	if err == nil {
		a.keep(s, c, n)
	}
	return n, err
}

// keep keeps what follows a byte, as far as there is room.
func (a *automaton) keep(s *state, c byte, to *state) {
	switch {
	case s.table != nil:
		s.table[c] = to
	case to == a.dead && len(s.tops) <= maxEdges: // found again as fast
	case len(s.edges) < maxEdges:
		s.edges = append(s.edges, edge{c, to})
	case a.tables < maxTables:
		a.tables++
		s.table = new([256]*state)
		for _, e := range s.edges {
			s.table[e.c] = e.to
		}
		s.table[c], s.edges = to, nil
	}
}
