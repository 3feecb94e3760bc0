package grammar

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Matcher follows one text. It is for one goroutine.
type Matcher struct {
	v    *Vocabulary
	a    *automaton // the grammar's
	at   *state     // nil before there is any
	age  int        // of the automaton when it had this state
	read int        // tokens of the text
	err  error
}

// Match returns a matcher of a new text. What it finds out of the grammar the others use, too.
func (g *Grammar) Match(v *Vocabulary) *Matcher {
	m := &Matcher{v: v, a: g.automaton()}
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	m.err = m.try(func() error { return nil })
	return m
}

// Adjust sets the logits to -Inf of all tokens that no text of the grammar goes on with, drawn being the tokens of the text so far,
// each call's with those of the call before. Where the text may end, the tokens that end it are allowed. It is a
// generate.Request's Adjust. Errors are ErrLimit and ErrDead; they stay.
func (m *Matcher) Adjust(drawn []int, logits []float32) error {
	m.a.mu.Lock()
	defer m.a.mu.Unlock()
	for ; m.read < len(drawn) && m.err == nil; m.read++ {
		m.err = m.try(func() error { return m.take(drawn[m.read]) })
	}
	if m.err == nil {
		m.err = m.try(func() error { return m.exclude(logits) })
	}
	return m.err
}

// try does a step from the state that the matcher is in. Where that meets a limit it is done once more, all but that state being forgotten: what other
// texts have left takes no room from it.
func (m *Matcher) try(step func() error) error {
	err := m.within(step)
	if errors.Is(err, ErrLimit) {
		m.a.forget()
		err = m.within(step)
	}
	return err
}

// within does a step in the automaton as it is.
func (m *Matcher) within(step func() error) error {
	m.a.steps = 0
	if m.age != m.a.age { // the text begins, or the automaton has forgotten, for it or for another
		at, err := m.again()
		if err != nil {
			return err
		}
		m.at, m.age = at, m.a.age
	}
	return step()
}

// Accepts says whether a text is one of the grammar's, and whether one begins with it. Both are false where that takes too much.
func (g *Grammar) Accepts(text string) (whole, begins bool) {
	a := newAutomaton(g)
	at, err := a.start()
	for i := 0; i < len(text) && err == nil; i++ {
		a.steps = 0
		at, err = a.next(at, text[i])
	}
	return err == nil && at.ends, err == nil && at != a.dead
}

// Ends says whether the text may end here.
func (m *Matcher) Ends() bool { return m.err == nil && m.at.ends }

// take goes on by a token.
func (m *Matcher) take(id int) error {
	if id < 0 || id >= m.v.size() {
		return fmt.Errorf("token %d: %w", id, ErrDead)
	}
	at := m.at
	for _, c := range m.v.bytes(int32(id)) {
		next, err := m.a.next(at, c)
		if err != nil {
			return err
		}
		if next == m.a.dead {
			return fmt.Errorf("%q: %w", m.v.bytes(int32(id)), ErrDead)
		}
		at = next
	}
	m.at = at
	return nil
}

// again returns the state that the matcher is in, in an automaton that does not know it.
func (m *Matcher) again() (*state, error) {
	if m.at == nil {
		return m.a.start()
	}
	to := &set{tops: map[*frame]bool{}, ends: m.at.ends}
	for _, f := range m.at.tops {
		copied, err := m.a.copyFrame(f)
		if err != nil {
			return nil, err
		}
		to.tops[copied] = true
	}
	return m.a.intern(to)
}

// copyFrame makes a frame again, with all that it goes back to.
func (a *automaton) copyFrame(f *frame) (*frame, error) {
	var chain []*frame
	for ; f != nil; f = f.parent {
		chain = append(chain, f)
	}
	var parent *frame
	for i := len(chain) - 1; i >= 0; i-- {
		var err error
		if parent, err = a.push(chain[i].at, parent); err != nil {
			return nil, err
		}
	}
	return parent, nil
}

// exclude excludes what cannot follow.
func (m *Matcher) exclude(logits []float32) error {
	mask, err := m.v.allowed(m.a, m.at)
	if err != nil {
		return err
	}
	kept := make([]float32, len(m.v.ends))
	for i, id := range m.v.ends {
		if id < len(logits) {
			kept[i] = logits[id]
		}
	}
	none := float32(math.Inf(-1))
	left := false
	for i := 0; i < len(logits); i += 64 {
		word := uint64(0)
		if i/64 < len(mask) {
			word = mask[i/64]
		}
		if word == 0 {
			for j := i; j < min(i+64, len(logits)); j++ {
				logits[j] = none
			}
			continue
		}
		left = true
		for out := ^word; out != 0; out &= out - 1 {
			if j := i + bits.TrailingZeros64(out); j < len(logits) {
				logits[j] = none
			}
		}
	}
	if m.at.ends {
		for i, id := range m.v.ends {
			if id < len(logits) {
				logits[id], left = kept[i], true
			}
		}
	}
	if !left {
		return ErrDead
	}
	return nil
}
