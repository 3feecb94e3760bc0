package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrBusy reports that as many texts wait as a scheduler lets wait.
var ErrBusy = errors.New("too many texts wait")

// Scheduler continues texts for whoever asks, whenever they ask: texts that come while others are under way join them
// with the next pass through the weights, a prompt in pieces beside the tokens of the others. Each has the bits
// that it has alone. What is known of a prompt, of whichever text, is not computed again. Where there is no room for the keys
// and values of all, those that began last pause, and read their tokens again later. Of those that wait, clients with the
// fewest texts under way come first, then who came first. It is safe for concurrent use.
type Scheduler struct {
	// MaxWait is how long a text waits for its place before it is ErrBusy; 0 for as long as it takes. It must not be changed
	// once texts are asked for.
	MaxWait time.Duration

	group   group
	places  int
	open    context.Context
	end     context.CancelCauseFunc
	wake    chan struct{} // there is something new; holds one
	stopped chan struct{}
	err     error // of closing the sessions, once stopped

	mu      sync.Mutex
	waiting queue
	active  int
}

// NewScheduler returns a scheduler of the texts of b, b.Parallel of them at a time, which has one goroutine until Close.
// Up to waiting texts more wait for a place.
func NewScheduler(b *Batch, waiting int) *Scheduler {
	s := &Scheduler{places: max(1, b.Parallel), waiting: queue{most: waiting}, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	s.group = group{batch: b, pool: NewPool(b.Model, s.places), weigher: newWeigher(b.Model.CPU())}
	s.open, s.end = context.WithCancelCause(context.Background())
	go s.loop()
	return s
}

// Load says how many texts are under way and how many wait.
func (s *Scheduler) Load() (active, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active, len(s.waiting.jobs)
}

// Do continues a text, and calls emit, if it is not nil, with its pieces, on the goroutine of the caller: who takes them slowly
// keeps nobody else waiting. The end of ctx, and ErrBreak of emit, end the text, with StopCancel and no error; other errors are
// ErrBusy, ErrClosed, emit's and those of Batch.Run for one request, or for all of them where the model's files fail.
func (s *Scheduler) Do(ctx context.Context, r *Request, emit func(Piece) error) (*Result, error) {
	if !s.group.batch.Model.Config.HasHead() {
		return &Result{Stop: StopError}, transformer.ErrNoHead
	}
	return s.do(ctx, &job{request: r}, emit)
}

// Embed returns a text's vector, which is the caller's, for a client (Request.Client). Errors are those of Do and of Embedder.Encode, and ctx's.
func (s *Scheduler) Embed(ctx context.Context, e *Embedder, t EmbedText, client string) ([]float32, error) {
	p, err := e.Pipeline()
	if err != nil {
		return nil, err
	}
	pool := p.Pool(len(t.IDs), t.Prompt)
	j := &job{request: &Request{Prompt: t.IDs, Client: client}, state: &statesWanted{e.First(len(t.IDs)), pool.Add}}
	result, err := s.do(ctx, j, nil)
	if err == nil && result.Stop == StopCancel {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return pool.Vector(false), nil
}

func (s *Scheduler) do(ctx context.Context, j *job, emit func(Piece) error) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := s.group.batch.check(j.request); err != nil {
		return &Result{Stop: StopError}, err
	}
	j.ctx, j.news = ctx, make(chan struct{}, 1)
	if err := s.ask(j); err != nil {
		return &Result{Stop: StopError}, err
	}
	var late <-chan time.Time
	if s.MaxWait > 0 {
		timer := time.NewTimer(s.MaxWait)
		defer timer.Stop()
		late = timer.C
	}
	var failed error
	for {
		pieces, ended := j.take()
		for _, p := range pieces {
			if emit == nil || failed != nil {
				break
			}
			if failed = emit(p); failed != nil {
				cancel(failed)
			}
		}
		if ended {
			break
		}
		select {
		case <-j.news:
		case <-late:
			if s.leave(j) {
				return &Result{Stop: StopError}, fmt.Errorf("there was no place within %v: %w", s.MaxWait, ErrBusy)
			}
		case <-ctx.Done():
			if s.leave(j) {
				return &Result{Stop: StopCancel}, nil
			}
			<-j.news // with the next pass
		}
	}
	if failed != nil && !errors.Is(failed, ErrBreak) {
		return j.result, failed
	}
	return j.result, j.err
}

// ask has a job wait for its place.
func (s *Scheduler) ask(j *job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open.Err() != nil {
		return ErrClosed
	}
	refused := s.waiting.add(j, max(0, s.places-s.active))
	if refused == j {
		return ErrBusy
	}
	if refused != nil {
		refused.end(&Result{Stop: StopError}, ErrBusy)
	}
	s.awake()
	return nil
}

// leave tells whether a job was still waiting, which it does no more.
func (s *Scheduler) leave(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting.remove(j)
}

// awake has the loop look for what is new.
func (s *Scheduler) awake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// loop takes passes while there are texts.
func (s *Scheduler) loop() {
	defer close(s.stopped)
	for s.open.Err() == nil {
		s.admit()
		if len(s.group.active) == 0 {
			select {
			case <-s.wake:
			case <-s.open.Done():
			}
			continue
		}
		if err := s.group.pass(s.open); err != nil {
			s.fail(err)
		}
	}
	s.fail(ErrClosed)
	s.mu.Lock()
	for _, j := range s.waiting.jobs {
		j.end(&Result{Stop: StopError}, ErrClosed)
	}
	s.waiting.jobs = nil
	s.mu.Unlock()
	s.err = s.group.pool.Close()
}

// admit ends texts that nobody wants any more, and goes on with those that paused, then with those that wait, as there are
// places and room.
func (s *Scheduler) admit() {
	g := &s.group
	g.active, g.paused = s.wanted(g.active), s.wanted(g.paused)
	if err := g.resume(); err != nil {
		s.fail(err)
	}
	for next := s.next(); next != nil; next = s.next() {
		before := len(g.active)
		end := func(r *Result, err error) error { return s.ended(next, r, err) }
		switch err := g.begin(next.ctx, next.request, next.add, end); { // there is a free session, so nothing waits
		case err != nil && next.ctx.Err() != nil:
			end(&Result{Stop: StopCancel}, nil)
		case err != nil:
			end(&Result{Stop: StopError}, err)
		case len(g.active) > before:
			g.active[before].want(next.state)
		}
	}
}

// ended ends a job that had a place, which is free before anybody is told of it.
func (s *Scheduler) ended(j *job, r *Result, err error) error {
	s.mu.Lock()
	s.active--
	s.mu.Unlock()
	return j.end(r, err)
}

// wanted ends those of some texts that nobody wants any more, and returns the others.
func (s *Scheduler) wanted(list []*member) []*member {
	left := list[:0]
	for _, q := range list {
		if err := q.ctx.Err(); err != nil {
			s.group.finish(q, err)
		} else {
			left = append(left, q)
		}
	}
	return left
}

// next returns the job that begins next, if one does: it waits no more.
func (s *Scheduler) next() *job {
	g := &s.group
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = len(g.active) + len(g.paused)
	if len(g.paused) > 0 || s.active >= s.places {
		return nil
	}
	next := s.waiting.next(g.underWay)
	if next == nil || !g.fits(next.request.Prompt) {
		return nil
	}
	s.waiting.remove(next)
	s.active++
	return next
}

// fail ends all texts that are under way with an error.
func (s *Scheduler) fail(err error) {
	for _, q := range slices.Concat(s.group.active, s.group.paused) {
		s.group.finish(q, err)
	}
	s.group.active, s.group.paused = nil, nil
	s.mu.Lock()
	s.active = 0
	s.mu.Unlock()
}

// Close ends what is under way and what waits, with ErrClosed, and frees the sessions. The model stays open.
func (s *Scheduler) Close() error {
	s.end(ErrClosed)
	<-s.stopped
	return s.err
}

// job is a request and what has become of it.
type job struct {
	ctx     context.Context
	request *Request
	state   *statesWanted // of the prompt, in place of a text
	news    chan struct{} // holds one

	mu     sync.Mutex
	pieces []Piece // that the caller has not taken
	ended  bool
	result *Result
	err    error
}

// add adds a piece of text.
func (j *job) add(p Piece) error {
	if p.Text != "" || p.Tokens != nil {
		j.mu.Lock()
		j.pieces = append(j.pieces, p)
		j.mu.Unlock()
		j.tell()
	}
	return nil
}

// end ends the job.
func (j *job) end(r *Result, err error) error {
	j.mu.Lock()
	j.ended, j.result, j.err = true, r, err
	j.mu.Unlock()
	j.tell()
	return nil
}

func (j *job) tell() {
	select {
	case j.news <- struct{}{}:
	default:
	}
}

// take returns the new pieces, and whether they are the last.
func (j *job) take() ([]Piece, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	pieces := j.pieces
	j.pieces = nil
	return pieces, j.ended
}
