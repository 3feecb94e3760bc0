// Package workers shares tasks out among goroutines that are there already: a run starts none, allocates nothing, and takes
// about a microsecond where the workers are still awake from the one before.
//
// Whoever is free takes the next task. So a worker whose core another process has holds back the one task that it is at, and
// none that it might have taken.
package workers

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is work in parts that are independent of each other.
type Task interface {
	// Do does part i. No two calls of a run at a time have the same worker, which is numbered from 0.
	Do(worker, i int) error
}

// Func is a Task that is a function.
type Func func(worker, i int) error

// Do calls f.
func (f Func) Do(worker, i int) error { return f(worker, i) }

// Pool is a number of workers. The goroutine that calls [Pool.Run] is worker 0; the others are started when they are first
// needed, wait for a moment in a loop after a run, then sleep, and end with [Pool.Close]. It is safe for concurrent use:
// runs of several workers take turns.
type Pool struct {
	size    int
	running sync.Mutex // held for the length of a run
	started int        // goroutines, guarded by running
	ended   sync.WaitGroup

	// The run that is under way. Who has taken a part may read them, until that part is done.
	ctx   context.Context
	task  Task
	parts int

	_      [64]byte      // what follows has a cache line of its own
	offer  atomic.Uint64 // of parts to whom it concerns, see take
	_      [56]byte
	undone atomic.Int64 // parts, taken or not
	_      [56]byte

	spinning atomic.Bool // a worker waits in a loop at first
	closing  atomic.Bool
	failed   atomic.Bool
	failure  failure
	sleepers []sleeper // by worker
}

// New returns a pool of so many workers, at least one.
func New(size int) *Pool {
	p := &Pool{size: max(1, size)}
	p.sleepers = make([]sleeper, p.size)
	for i := range p.sleepers {
		p.sleepers[i].wake = make(chan struct{}, 1)
	}
	return p
}

// Size returns the number of workers.
func (p *Pool) Size() int { return p.size }

// Run does all parts 0 … parts−1 of a task on at most the given number of workers, those numbered below it, and returns when
// they are done. The first error, or the end of the context, keeps parts that nobody has begun from being done. A panic
// is the caller's, once the others have stopped: of several workers it is a *[Panic]. A task must not call Run of its own
// pool; where parts wait for one another, there must be as many workers. A run of one worker is the caller's alone, and
// waits for no turn.
func (p *Pool) Run(ctx context.Context, workers, parts int, t Task) error {
	workers = min(workers, parts, p.size)
	if workers <= 1 {
		for i := range parts {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := t.Do(0, i); err != nil {
				return err
			}
		}
		return nil
	}
	p.running.Lock()
	defer p.running.Unlock()
	p.begin(ctx, workers, parts, t)
	for p.perform(0) {
	}
	me := &p.sleepers[0]
	for p.undone.Load() > 0 {
		me.wait(p.spinning.Load(), func() bool { return p.undone.Load() == 0 })
	}
	p.ctx, p.task = nil, nil
	return p.failure.take(&p.failed)
}

// begin offers a run to the workers.
func (p *Pool) begin(ctx context.Context, workers, parts int, t Task) {
	p.ctx, p.task, p.parts = ctx, t, parts
	p.spinning.Store(workers <= min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
	p.undone.Store(int64(parts))
	p.offer.Store(uint64(workers)<<32 | uint64(uint32(parts)))
	awake := p.started
	for ; p.started < workers-1; p.started++ {
		w := p.started + 1
		p.ended.Go(func() { p.serve(w) })
	}
	for w := 1; w <= min(awake, workers-1); w++ {
		p.sleepers[w].rouse()
	}
}

// open tells whether there is a part for worker w, given the offer: its upper half says how many workers it is for,
// its lower half how many parts nobody has taken. Taking one is one step for all of that, so whoever has been away for long
// takes of the run that is under way then, or nothing.
func open(offer uint64, w int) bool { return uint32(offer) > 0 && w < int(offer>>32) }

// take takes the next part.
func (p *Pool) take(w int) (i int, ok bool) {
	for {
		offer := p.offer.Load()
		if !open(offer, w) {
			return 0, false
		}
		if p.offer.CompareAndSwap(offer, offer-1) {
			return p.parts - int(uint32(offer)), true
		}
	}
}

// perform takes a part and does it, and tells whether there was one.
func (p *Pool) perform(w int) bool {
	i, ok := p.take(w)
	if !ok {
		return false
	}
	defer p.finish()
	if p.failed.Load() {
		return true
	}
	if p.ctx.Err() != nil {
		p.fail(context.Cause(p.ctx))
	} else if err := p.task.Do(w, i); err != nil {
		p.fail(err)
	}
	return true
}

// finish ends a part, however it went.
func (p *Pool) finish() {
	if v := recover(); v != nil {
		p.fail(newPanic(v))
	}
	if p.undone.Add(-1) == 0 && p.sleepers[0].rouse() {
		p.spinning.Store(false) // this thread may be the one for the caller to go on with
	}
}

func (p *Pool) fail(err error) {
	p.failure.set(err)
	p.failed.Store(true)
}

// serve is the life of worker w.
func (p *Pool) serve(w int) {
	me := &p.sleepers[w]
	for !p.closing.Load() {
		if !p.perform(w) {
			me.wait(p.spinning.Load(), func() bool { return open(p.offer.Load(), w) || p.closing.Load() })
		}
	}
}

// Close ends the workers, after the run that is under way. A run after it starts others.
func (p *Pool) Close() {
	p.running.Lock()
	defer p.running.Unlock()
	p.closing.Store(true)
	for w := 1; w <= p.started; w++ {
		p.sleepers[w].rouse()
	}
	p.ended.Wait()
	p.started = 0
	p.closing.Store(false)
}
