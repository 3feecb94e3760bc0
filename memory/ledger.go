package memory

import (
	"errors"
	"fmt"
	"sync"
)

// ErrBudget reports a ledger that has too little left; the message names how much would do.
var ErrBudget = errors.New("memory budget too small")

// Ledger accounts the bytes of buffers outside the Go heap, which their owners reserve before
// they take them and release when they have given them back, and keeps them within a limit.
// A nil Ledger has no limit. It is safe for concurrent use.
type Ledger struct {
	limit int64

	mu         sync.Mutex
	used, peak int64
}

// NewLedger returns a ledger of limit bytes.
func NewLedger(limit int64) *Ledger { return &Ledger{limit: limit} }

// Limit returns the most that may be in use.
func (l *Ledger) Limit() int64 { return l.limit }

// Used returns the bytes in use.
func (l *Ledger) Used() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

// Peak returns the most that was ever in use.
func (l *Ledger) Peak() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peak
}

// Reserve takes n bytes, or none and fails with ErrBudget.
func (l *Ledger) Reserve(what string, n int64) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > l.limit-l.used {
		return fmt.Errorf("%s needs %d bytes, %d of %d are free; at least %d bytes in all would do: %w",
			what, n, l.limit-l.used, l.limit, l.used+n, ErrBudget)
	}
	l.used += n
	l.peak = max(l.peak, l.used)
	return nil
}

// Release gives n reserved bytes back.
func (l *Ledger) Release(n int64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.used -= n
	l.mu.Unlock()
}
