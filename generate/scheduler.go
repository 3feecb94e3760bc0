package generate

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrBusy reports that as many texts wait as a scheduler lets wait.
var ErrBusy = errors.New("too many texts wait")

// Scheduler continues texts for whoever asks, whenever they ask: texts that come while others are under way join them
// with the next pass through the weights, a prompt in pieces beside the tokens of the others. Each has the bits
// that it has alone. Who comes first is served first; what a session still holds of a prompt is not computed again.
// It is safe for concurrent use.
type Scheduler struct {
	group   group
	places  int
	most    int // that wait
	open    context.Context
	end     context.CancelCauseFunc
	wake    chan struct{} // there is something new; holds one
	stopped chan struct{}
	err     error // of closing the sessions, once stopped

	mu      sync.Mutex
	waiting []*job // the first to come first
	active  int
}

// NewScheduler returns a scheduler of the texts of b, b.Parallel of them at a time, which has one goroutine until Close.
// Up to waiting texts more wait for a place.
func NewScheduler(b *Batch, waiting int) *Scheduler {
	s := &Scheduler{places: max(1, b.Parallel), most: waiting, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	s.group = group{batch: b, pool: NewPool(b.Model, s.places), candidates: new([]candidate)}
	s.open, s.end = context.WithCancelCause(context.Background())
	go s.loop()
	return s
}

// Load says how many texts are under way and how many wait.
func (s *Scheduler) Load() (active, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active, len(s.waiting)
}

// Do continues a text, and calls emit, if it is not nil, with its pieces, on the goroutine of the caller: who takes them slowly
// keeps nobody else waiting. The end of ctx, and ErrBreak of emit, end the text, with StopCancel and no error; other errors are
// ErrBusy, ErrClosed, emit's and those of Batch.Run for one request, or for all of them where the model's files fail.
func (s *Scheduler) Do(ctx context.Context, r *Request, emit func(Piece) error) (*Result, error) {
	return s.do(ctx, &job{request: r}, emit)
}

// Embed returns the state of a prompt's last token after the model's last norm, [hidden] float32, which is the
// caller's. Errors are those of Do, and ctx's.
func (s *Scheduler) Embed(ctx context.Context, ids []int) (vector []float32, err error) {
	j := &job{request: &Request{Prompt: ids}, state: func(_ int, state []float32) error {
		vector = slices.Clone(state)
		return nil
	}}
	r, err := s.do(ctx, j, nil)
	if err == nil && r.Stop == StopCancel {
		err = context.Cause(ctx)
	}
	return vector, err
}

func (s *Scheduler) do(ctx context.Context, j *job, emit func(Piece) error) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j.ctx, j.news = ctx, make(chan struct{}, 1)
	if err := s.ask(j); err != nil {
		return &Result{Stop: StopError}, err
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
	if len(s.waiting) >= s.most+max(0, s.places-s.active) {
		return ErrBusy
	}
	s.waiting = append(s.waiting, j)
	s.awake()
	return nil
}

// leave tells whether a job was still waiting, which it does no more.
func (s *Scheduler) leave(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, j)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	return i >= 0
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
	for _, j := range s.waiting {
		j.end(&Result{Stop: StopError}, ErrClosed)
	}
	s.waiting = nil
	s.mu.Unlock()
	s.err = s.group.pool.Close()
}

// admit ends texts that nobody wants any more, and begins as many that wait as there are places.
func (s *Scheduler) admit() {
	g := &s.group
	left := g.active[:0]
	for _, q := range g.active {
		if err := q.ctx.Err(); err != nil {
			g.finish(q, err)
		} else {
			left = append(left, q)
		}
	}
	g.active = left
	for {
		s.mu.Lock()
		s.active = len(g.active)
		var next *job
		if s.active < s.places && len(s.waiting) > 0 {
			next = s.waiting[0]
			s.waiting = slices.Delete(s.waiting, 0, 1)
			s.active++
		}
		s.mu.Unlock()
		if next == nil {
			return
		}
		before := len(g.active)
		switch err := g.begin(next.ctx, next.request, next.add, next.end); { // there is a free session, so nothing waits
		case err != nil && next.ctx.Err() != nil:
			next.end(&Result{Stop: StopCancel}, nil)
		case err != nil:
			next.end(&Result{Stop: StopError}, err)
		case len(g.active) > before:
			g.active[before].state = next.state
		}
	}
}

// fail ends all texts that are under way with an error.
func (s *Scheduler) fail(err error) {
	for _, q := range s.group.active {
		s.group.finish(q, err)
	}
	s.group.active = nil
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
	state   func(int, []float32) error // of the prompt's last token, in place of a text
	news    chan struct{}              // holds one

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
