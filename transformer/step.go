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
	// counting from IDs[0]. They are valid until it returns, and may be changed. Those of one step are shown
	// in order; visitors of several steps may run at once, on goroutines of the model's.
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
// Where tokens see those after them (arch.Config.Bidirectional), a step is the whole text of a session without tokens, which
// goes through in one pass, and Visit is ErrNoHead.
//
// Errors are ErrSession, ErrNoHead, ErrContext, ErrToken and ErrCache, before anything is computed, those of
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
	if !c.HasHead() && t.Visit != nil {
		err = ErrNoHead
		if c.Bidirectional {
			err = fmt.Errorf("its attention is bidirectional: %w", ErrNoHead)
		}
	} else if c.Bidirectional && len(s.tokens) > 0 {
		err = fmt.Errorf("a text is read as a whole: %w", ErrSession)
	} else if !s.cache.open {
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
	if n := len(s.tokens); err == nil && len(t.IDs) > 0 {
		err = s.cache.reserve(s.cache.rewind(n), n+len(t.IDs))
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
	for i := range steps {
		s := steps[i].Session
		s.behind = len(s.tokens) - s.cache.rewind(len(s.tokens))
	}
	some := false
	if m.Config.Bidirectional {
		some = shareWhole(steps, m.Plan.Chunk)
	} else {
		some = share(steps, m.Plan.Chunk)
	}
	if !some {
		return false, nil
	}
	if !m.Plan.reads {
		pauseAtPages(steps)
	}
	p, err := m.begin(ctx)
	if err != nil {
		return false, err
	}
	defer p.end()
	for i := range steps {
		t := &steps[i]
		s := t.Session
		if s.taken == 0 {
			continue
		}
		first := len(s.tokens) - s.behind
		s.cache.publish(s.tokens[:first])
		s.cache.begin(first, s.taken)
		for at := first; at < first+s.taken; at++ {
			p.add(s.cache, at, at)
			row := &p.rows[len(p.rows)-1]
			if row.step, row.token = t, at-s.begun; at < len(s.tokens) {
				row.token, row.id = again, s.tokens[at]
			} else {
				row.id = t.IDs[row.token]
			}
		}
	}
	done, err := p.run(ctx)
	if !done {
		return false, err
	}
	for i := range p.rows {
		r := &p.rows[i]
		s := r.step.Session
		if r.token != again {
			s.tokens = append(s.tokens, r.id)
		}
		s.cache.done(r.position + 1)
	}
	return true, err
}

// again is the number of a row's token that was read before.
const again = -1

// share says how many tokens of each step go into the next pass, room in all: as evenly
// as the steps have any left. It tells whether there are any. What has to be read again goes first, unless
// everything has room: so the tokens of steps go together as they do without it.
func share(steps []Step, room int) bool {
	all := room
	behind, total := 0, 0
	for i := range steps {
		steps[i].Session.taken = 0
		if n := steps[i].left(); n > 0 {
			behind += steps[i].Session.behind
			total += n
		}
	}
	first := behind > 0 && total > room
	left := func(t *Step) int {
		if first && t.left() > 0 {
			return t.Session.behind - t.Session.taken
		}
		return t.left()
	}
	for room > 0 {
		active := 0
		for i := range steps {
			if left(&steps[i]) > 0 {
				active++
			}
		}
		if active == 0 {
			break
		}
		each := max(1, room/active)
		for i := range steps {
			n := min(each, left(&steps[i]), room)
			steps[i].Session.taken += n
			room -= n
		}
	}
	return room < all
}

// shareWhole has the next steps go into the next pass whose texts have room there, and tells whether there are any.
func shareWhole(steps []Step, room int) bool {
	all := room
	for i := range steps {
		s := steps[i].Session
		if s.taken = 0; steps[i].left() <= room {
			s.taken = steps[i].left()
		}
		room -= s.taken
	}
	return room < all
}

// pauseAtPages has the passes of sequences with layers without attention end at the last page that their step fills: the
// state behind it is kept for who begins in the same way. It takes a pass more, which is little where no weights are read from files.
func pauseAtPages(steps []Step) {
	for i := range steps {
		s := steps[i].Session
		if s.taken == 0 || s.cache.live == nil {
			continue
		}
		first := len(s.tokens) - s.behind
		last := (s.begun + len(steps[i].IDs) - 1) / pageTokens * pageTokens
		if first < last && last < first+s.taken {
			s.taken = last - first
		}
	}
}

// left returns how many of the step's tokens, and of those to be read again before them, neither have been taken nor are
// in the pass that is under way.
func (t *Step) left() int {
	s := t.Session
	n := len(t.IDs) - (len(s.tokens) - s.begun)
	if n == 0 {
		return 0
	}
	return s.behind + n - s.taken
}
