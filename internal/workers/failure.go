package workers

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Panic is what a run panics with when a part of its task did.
type Panic struct {
	Value any    // that the part panicked with
	Stack []byte // of the worker
}

func newPanic(v any) *Panic { return &Panic{v, debug.Stack()} }

func (p *Panic) Error() string { return fmt.Sprintf("%v\n\nin a worker:\n%s", p.Value, p.Stack) }

// Unwrap returns the value, where it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// failure is a run's first error.
type failure struct {
	mu  sync.Mutex
	err error
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// take returns the error, or panics with it, and forgets it.
func (f *failure) take(failed *atomic.Bool) error {
	if !failed.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.err
	f.err = nil
	failed.Store(false)
	if p, ok := err.(*Panic); ok {
		panic(p)
	}
	return err
}
