package generate

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrClosed reports a pool, or a model, that was closed.
var ErrClosed = errors.New("the model is closed")

// Pool shares a number of sessions of a model among goroutines. What sessions have read is
// known to all of them as long as the model has room for it, so that whoever begins in the same
// way computes only what is new; results have the same bits either way. It is safe for concurrent use.
type Pool struct {
	model *transformer.Model

	mu      sync.Mutex
	back    sync.Cond // a session has come back after Close
	free    []*transformer.Session
	unmade  int // how many more there may be
	lent    map[*transformer.Session]bool
	waiting []chan *transformer.Session // the first to come first; each has room for its session
	closed  bool
}

// NewPool returns a pool of up to n sessions, at least one, which are made when they are
// needed. The model's plan has to have room for as many (transformer.Options.Sequences).
func NewPool(m *transformer.Model, n int) *Pool {
	p := &Pool{model: m, unmade: max(1, n), lent: map[*transformer.Session]bool{}}
	p.back.L = &p.mu
	return p
}

// Acquire returns a session whose tokens are the first kept of ids, at most all but the
// last; the caller goes on with ids[kept:], and gives the session back with Release.
//
// It is one that is free, or a new one. If there is none, it is the first that comes back: who waits longest is served first.
// Errors are ErrClosed, that of making a session, and the context's.
func (p *Pool) Acquire(ctx context.Context, ids []int) (s *transformer.Session, kept int, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	p.mu.Lock()
	s, err = p.take()
	if s != nil || err != nil {
		p.mu.Unlock()
	} else {
		turn := make(chan *transformer.Session, 1)
		p.waiting = append(p.waiting, turn)
		p.mu.Unlock()
		s, err = p.wait(ctx, turn)
	}
	if err != nil {
		return nil, 0, err
	}
	if kept, err = s.Start(ids); err != nil {
		p.Release(s)
		return nil, 0, err
	}
	return s, kept, nil
}

// take returns a session that is free or new; nil if there is none.
func (p *Pool) take() (s *transformer.Session, err error) {
	switch n := len(p.free); {
	case p.closed:
		return nil, ErrClosed
	case n > 0:
		s, p.free = p.free[n-1], p.free[:n-1]
	case p.unmade == 0:
		return nil, nil
	default:
		if s, err = p.model.NewSession(); err != nil {
			return nil, err
		}
		p.unmade--
	}
	p.lent[s] = true
	return s, nil
}

// wait waits for a session that comes back.
func (p *Pool) wait(ctx context.Context, turn chan *transformer.Session) (*transformer.Session, error) {
	select {
	case s := <-turn:
		if s == nil {
			return nil, ErrClosed
		}
		return s, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	if i := slices.Index(p.waiting, turn); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.mu.Unlock()
		return nil, ctx.Err()
	}
	p.mu.Unlock()
	if s := <-turn; s != nil { // it came at the same moment
		p.Release(s)
	}
	return nil, ctx.Err()
}

// Release gives a session back, also after an error: what it has read is there for the next. One that is
// not the pool's, or lies in it, is left alone.
func (p *Pool) Release(s *transformer.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.lent[s] {
		return
	}
	s.Start(nil)
	switch {
	case p.closed:
		s.Close()
		delete(p.lent, s)
		p.back.Broadcast()
	case len(p.waiting) > 0:
		p.waiting[0] <- s
		p.waiting = slices.Delete(p.waiting, 0, 1)
	default:
		p.free = append(p.free, s)
		delete(p.lent, s)
	}
}

// Close frees the sessions. Who waits for one gets ErrClosed, as who comes later does;
// those that are out are waited for. The model stays open.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, turn := range p.waiting {
		turn <- nil
	}
	p.waiting = nil
	var errs []error
	for _, s := range p.free {
		errs = append(errs, s.Close())
	}
	p.free = nil
	for len(p.lent) > 0 {
		p.back.Wait()
	}
	return errors.Join(errs...)
}
