package stream

import (
	"errors"
	"fmt"
	"sync"
)

// ErrBudget reports a memory budget that is too small; the message names how much
// would do.
var ErrBudget = errors.New("memory budget too small")

// Budget accounts the bytes that an engine's buffers and resident matrices take
// and keeps them within a limit. A nil Budget has no limit. It is safe for
// concurrent use.
type Budget struct {
	limit int64

	mu         sync.Mutex
	used, peak int64
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Limit returns the most that may be in use.
func (b *Budget) Limit() int64 { return b.limit }

// Used returns the bytes in use.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Peak returns the most that was ever in use.
func (b *Budget) Peak() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.peak
}

// Reserve takes n bytes, or none and fails with ErrBudget.
func (b *Budget) Reserve(what string, n int64) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.limit-b.used {
		return fmt.Errorf("%s needs %d bytes, %d of %d are free; at least %d bytes in all would do: %w",
			what, n, b.limit-b.used, b.limit, b.used+n, ErrBudget)
	}
	b.used += n
	b.peak = max(b.peak, b.used)
	return nil
}

// Release gives n reserved bytes back.
func (b *Budget) Release(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.used -= n
	b.mu.Unlock()
}
