package stream

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
)

// EngineOptions configure an [Engine]. The zero value is ready to use.
type EngineOptions struct {
	// Threads is the number of workers of a product; 0 means GOMAXPROCS.
	Threads int
}

// Engine runs products: it owns the kernels for this CPU, the number of workers
// and the buffers, which lie outside the Go heap, grow to the largest block seen
// and are reused by every matrix. It runs one product at a time; concurrent
// calls wait for their turn. Close it after the last product.
type Engine struct {
	threads int
	kernels *kernel.Kernels

	mu      sync.Mutex // held for the length of a product
	buffers []buffer   // one per block in flight
	peak    int64
	x       kernel.Activations
}

// buffer holds one block in flight: as stored, and as indices.
type buffer struct {
	compressed, indices []byte
}

// NewEngine returns an engine using the best kernels of this CPU, or those that
// the environment variable HELIX_CPU names.
func NewEngine(o EngineOptions) (*Engine, error) {
	k, err := kernel.FromEnv()
	if err != nil {
		return nil, err
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("threads %d: must not be negative", o.Threads)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return &Engine{threads: o.Threads, kernels: k}, nil
}

// Threads returns the number of workers of a product.
func (e *Engine) Threads() int { return e.threads }

// CPU returns the level of the kernels in use, such as "avx2".
func (e *Engine) CPU() string { return string(e.kernels.Level()) }

// BufferBytes returns the bytes held in block buffers, their peak so far.
func (e *Engine) BufferBytes() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peak
}

// Close frees the buffers. It must not be called while a product runs.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var first error
	for i := range e.buffers {
		for _, b := range [][]byte{e.buffers[i].compressed, e.buffers[i].indices} {
			if err := free(b); err != nil && first == nil {
				first = err
			}
		}
	}
	e.buffers = nil
	return first
}

// reserve makes sure that n buffers hold blocks of the given sizes. The engine is locked.
func (e *Engine) reserve(n, compressed, indices int) error {
	for len(e.buffers) < n {
		e.buffers = append(e.buffers, buffer{})
	}
	for i := range e.buffers[:n] {
		if err := e.grow(&e.buffers[i].compressed, compressed); err != nil {
			return err
		}
		if err := e.grow(&e.buffers[i].indices, indices); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) grow(b *[]byte, n int) error {
	if len(*b) >= n {
		return nil
	}
	if err := free(*b); err != nil {
		return err
	}
	e.peak -= int64(len(*b))
	*b = nil
	grown, err := offheap.Alloc(n)
	if err != nil {
		return fmt.Errorf("reserve %d bytes for a block: %w", n, err)
	}
	*b = grown
	e.peak += int64(len(grown))
	return nil
}

func free(b []byte) error {
	if b == nil {
		return nil
	}
	return offheap.Free(b)
}
