package transformer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/stream"
)

var (
	// ErrOption reports options that make no sense.
	ErrOption = stream.ErrOption
	// ErrContext reports more tokens than the context has room for.
	ErrContext = errors.New("context is full")
	// ErrToken reports a token id that the vocabulary does not have.
	ErrToken = errors.New("no such token")
	// ErrSession reports a session that cannot take a step: it is closed or of another
	// model, or takes one already.
	ErrSession = errors.New("the session cannot take this step")

	// ErrNoHead reports that a model was asked for logits that makes vectors of texts.
	ErrNoHead = errors.New("the model makes vectors of texts and does not continue them")

	errBusy   = fmt.Errorf("it takes another one: %w", ErrSession)
	errClosed = fmt.Errorf("its model is closed: %w", ErrSession)
)

// Session is one sequence under way through a model: its tokens, and their keys and
// values. It is for one goroutine at a time; sessions of one model may be used at once.
type Session struct {
	model  *Model
	cache  *cache
	tokens []int // so far; those of a pass that is under way are not among them

	busy   atomic.Bool // a step is under way
	begun  int         // the tokens before that
	taken  int         // of its tokens, those in the pass that is under way, with those read again
	behind int         // tokens that are to be read again first, see recurrence
	alone  [1]Step     // for Forward
}

// CPU returns the level of the kernels that its model computes with, such as "avx2".
func (s *Session) CPU() string { return s.model.CPU() }

// NewSession starts a sequence. Close gives back the memory of its keys and values; while there is another session, those of
// beginnings that it has read may stay for [Session.Start].
// Under a limit there is room for as many sessions as [Options.Sequences] says, and more
// are stream.ErrBudget.
func (m *Model) NewSession() (*Session, error) {
	if m.closed.Load() {
		return nil, errClosed
	}
	p := m.Plan
	if n := m.sessions.Add(1); p.Limit > 0 && n > int64(p.Sequences) {
		m.sessions.Add(-1)
		return nil, fmt.Errorf("the model was opened for %d sequences at a time: %w", p.Sequences, stream.ErrBudget)
	}
	k, err := newCache(wholeLayout(m.Config), p.Context, p.CacheType, p.Snapshots, m.pages)
	if err != nil {
		m.sessions.Add(-1)
		return nil, err
	}
	return &Session{model: m, cache: k, tokens: make([]int, 0, p.Context)}, nil
}

// Close frees the session's memory. While it takes a step that is ErrSession. Another call does
// nothing.
func (s *Session) Close() error {
	if !s.busy.CompareAndSwap(false, true) {
		return errBusy
	}
	defer s.busy.Store(false)
	if !s.cache.open {
		return nil
	}
	err := s.cache.close()
	if s.model.sessions.Add(-1) == 0 {
		err = errors.Join(err, s.model.pages.clear())
	}
	return err
}

// Position returns how many tokens the sequence has.
func (s *Session) Position() int { return len(s.tokens) }

// Room returns how many tokens more the context has room for.
func (s *Session) Room() int { return s.model.Plan.Context - len(s.tokens) }

// Together returns how many of a step's tokens go through the model in one pass.
func (s *Session) Together() int { return s.model.Plan.Chunk }

// Tokens returns the sequence's tokens, in a list of the caller's.
func (s *Session) Tokens() []int { return slices.Clone(s.tokens) }

// Start starts a new sequence, that of ids, with as many of its first tokens, but not all, as the model still has keys and
// values of, whichever session has read them. It returns how many; the caller goes on with the others. Results have the
// bits that they have without. What this session has read is there for others from then on, as long as there is room. With
// no ids it gives up its memory. Errors are ErrSession.
func (s *Session) Start(ids []int) (kept int, err error) {
	if !s.busy.CompareAndSwap(false, true) {
		return 0, errBusy
	}
	defer s.busy.Store(false)
	if !s.cache.open {
		return 0, fmt.Errorf("it is closed: %w", ErrSession)
	}
	if s.model.Config.Bidirectional { // what keys and values a beginning has depends on the rest
		s.cache.cut(0)
		s.tokens = s.tokens[:0]
		return 0, nil
	}
	s.cache.leave(s.tokens)
	kept = s.cache.adopt(ids[:max(0, min(len(ids)-1, s.model.Plan.Context))])
	s.tokens = append(s.tokens[:0], ids[:kept]...)
	return kept, nil
}

// Reset starts a new sequence in the same memory, keeping the first n tokens. While the session
// takes a step, as in a visitor, it does nothing. Where the model has layers without attention, the next step may take
// longer, as it reads some of the tokens kept once more.
func (s *Session) Reset(n int) {
	if !s.busy.CompareAndSwap(false, true) {
		return
	}
	defer s.busy.Store(false)
	if s.cache.open {
		s.tokens = s.tokens[:min(len(s.tokens), max(0, n))]
		s.cache.forget(len(s.tokens))
		s.cache.cut(len(s.tokens))
	}
}

// Forward adds tokens to the sequence and calls visit with the logits that follow
// each token from the one numbered first on; first >= len(ids) wants none. It is
// [Model.Forward] of one step.
func (s *Session) Forward(ctx context.Context, ids []int, first int, visit func(i int, logits []float32) error) error {
	if s.busy.Load() { // s.alone is that step's
		return errBusy
	}
	s.alone[0] = Step{Session: s, IDs: ids, First: first, Visit: visit}
	err := s.model.Forward(ctx, s.alone[:])
	s.alone[0] = Step{}
	return err
}

// Logits runs one whole sequence, in a session of its own, and calls visit with the
// logits that follow each token.
func (m *Model) Logits(ctx context.Context, ids []int, visit func(i int, logits []float32) error) error {
	s, err := m.NewSession()
	if err != nil {
		return err
	}
	return errors.Join(s.Forward(ctx, ids, 0, visit), s.Close())
}
