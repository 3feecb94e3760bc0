package transformer

import (
	"context"
	"fmt"
)

// Step is what a sequence is to do next: tokens to add, and what is wanted of them.
type Step struct {
	Session *Session
	IDs     []int
	// First is the first token of IDs of which something is wanted.
	First int
	// Visit, if set, is called with the logits that follow each token from First on, i
	// counting from IDs[0]. They are valid until it returns, and may be changed.
	Visit func(i int, logits []float32) error
	// Hidden, if set, is called with the state of each token from First on after the
	// last norm: what the output head sees. It is valid until Hidden returns, and must not
	// be changed.
	Hidden func(i int, state []float32) error
}

// Forward takes steps of several sequences, each of another session, together: their
// tokens go through the layers in passes of at most Plan.Chunk, so that weights are read
// and unpacked once for all of them. Every sequence's results have the bits that it has
// alone, for every way of cutting it into steps.
//
// Calls of several goroutines take turns, pass by pass. Visit and Hidden run within a pass:
// they must not use the model.
//
// Errors are ErrSession, ErrContext and ErrToken, before anything is computed, those of
// streaming, the context's, and those of Visit and Hidden. After one, every session can be
// used again: it stands where it stood before the pass that failed, or behind it where
// that was done and Visit or Hidden failed.
func (m *Model) Forward(ctx context.Context, steps []Step) error {
	admitted := 0
	defer func() {
		for i := range steps[:admitted] {
			steps[i].Session.busy.Store(false)
		}
	}()
	for i := range steps {
		if err := m.admit(&steps[i]); err != nil {
			if len(steps) > 1 {
				err = fmt.Errorf("step %d: %w", i, err)
			}
			return err
		}
		admitted++
	}
	for {
		more, err := m.forwardPass(ctx, steps)
		if !more || err != nil {
			return err
		}
	}
}

// admit checks a step and makes its session busy.
func (m *Model) admit(t *Step) error {
	s, c := t.Session, m.Config
	switch {
	case s == nil || s.model != m:
		return fmt.Errorf("it belongs to another model: %w", ErrSession)
	case !s.busy.CompareAndSwap(false, true):
		return errBusy
	}
	err := error(nil)
	if s.cache.bytes == nil {
		err = fmt.Errorf("it is closed: %w", ErrSession)
	} else if context := m.Plan.Context; len(t.IDs) > context-len(s.tokens) {
		err = fmt.Errorf("%d tokens after %d, there is room for %d in all: %w", len(t.IDs), len(s.tokens), context, ErrContext)
	}
	for _, id := range t.IDs {
		if id < 0 || id >= c.Vocab {
			err = fmt.Errorf("token %d of a vocabulary of %d: %w", id, c.Vocab, ErrToken)
			break
		}
	}
	if err != nil {
		s.busy.Store(false)
		return err
	}
	s.begun = len(s.tokens)
	return nil
}

// forwardPass takes as many tokens of the steps as go together, and tells whether there
// were any.
func (m *Model) forwardPass(ctx context.Context, steps []Step) (more bool, err error) {
	if !share(steps, m.Plan.Chunk) {
		return false, nil
	}
	p, err := m.begin(ctx)
	if err != nil {
		return false, err
	}
	defer p.end()
	for i := range steps {
		t := &steps[i]
		s := t.Session
		for n := range s.taken {
			at := len(s.tokens)
			p.add(s.cache, at+n, at+n)
			row := &p.rows[len(p.rows)-1]
			row.step, row.token = t, at-s.begun+n
			row.id = t.IDs[row.token]
		}
	}
	done, err := p.run(ctx)
	if !done {
		return false, err
	}
	for i := range p.rows {
		s := p.rows[i].step.Session
		s.tokens = append(s.tokens, p.rows[i].id)
	}
	return true, err
}

// share says how many tokens of each step go into the next pass, room in all: as evenly
// as the steps have any left. It tells whether there are any.
func share(steps []Step, room int) bool {
	all := room
	for i := range steps {
		steps[i].Session.taken = 0
	}
	for room > 0 {
		active := 0
		for i := range steps {
			if steps[i].left() > 0 {
				active++
			}
		}
		if active == 0 {
			break
		}
		each := max(1, room/active)
		for i := range steps {
			n := min(each, steps[i].left(), room)
			steps[i].Session.taken += n
			room -= n
		}
	}
	return room < all
}

// left returns how many of the step's tokens neither have been taken nor are in the pass
// that is under way.
func (t *Step) left() int {
	s := t.Session
	return len(t.IDs) - (len(s.tokens) - s.begun) - s.taken
}
