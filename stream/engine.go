package stream

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// EngineOptions configure an [Engine]. The zero value is ready to use.
type EngineOptions struct {
	// Threads is the number of workers of a product; 0 means GOMAXPROCS.
	Threads int
	// CPU forces a kernel level such as "avx2"; empty takes the one that the
	// environment variable HELIX_CPU names, or the best.
	CPU string
	// Budget bounds the block buffers and resident matrices; nil has no limit. With
	// a budget, files do not stay in the page cache either. Where it does not allow
	// buffers for every worker, products run on fewer.
	Budget *Budget
}

// Engine runs products: it owns the kernels for this CPU, the number of workers
// and the buffers, which lie outside the Go heap, grow to the largest block seen
// and are reused by every matrix. It runs one product at a time; concurrent
// calls wait for their turn. Close it after the last product, and after its
// matrices.
type Engine struct {
	threads int
	kernels *kernel.Kernels
	budget  *Budget

	mu      sync.Mutex // held for the length of a product
	buffers buffers
	x       kernel.Activations
}

// NewEngine returns an engine. Its error is about the options.
func NewEngine(o EngineOptions) (*Engine, error) {
	k, err := kernels(o.CPU)
	if err != nil {
		return nil, err
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("threads %d: must not be negative: %w", o.Threads, ErrOption)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return &Engine{threads: o.Threads, kernels: k, budget: o.Budget, buffers: buffers{budget: o.Budget}}, nil
}

func kernels(level string) (*kernel.Kernels, error) {
	if level == "" {
		return kernel.FromEnv()
	}
	return kernel.ForLevel(kernel.Level(level))
}

// Threads returns the number of workers of a product.
func (e *Engine) Threads() int { return e.threads }

// CPU returns the level of the kernels in use, such as "avx2".
func (e *Engine) CPU() string { return string(e.kernels.Level()) }

// BufferBytes returns the bytes held in block buffers.
func (e *Engine) BufferBytes() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.buffers.bytes()
}

// Close frees the buffers. It must not be called while a product runs.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.buffers.release()
}

// buffers are an engine's blocks in flight: one packed block per worker, and
// unpacked ones.
type buffers struct {
	budget           *Budget
	packed, unpacked []arena
}

// reserve makes room for blocks of the matrix in f: for each worker a packed one and an
// unpacked one, and ahead more unpacked ones. Where the budget does not allow that,
// it is content with less; it returns the workers and unpacked blocks there are
// room for, at least one of each.
func (b *buffers) reserve(f File, workers, ahead int) (int, int, error) {
	packed, unpacked := bufferSizes(f)
	for {
		err := b.grow(workers, packed, workers+ahead, unpacked)
		switch {
		case !errors.Is(err, ErrBudget):
			return workers, workers + ahead, err
		case ahead > 0:
			ahead = 0
		case workers > 1:
			workers--
		case b.oversized(packed, unpacked):
			if err := b.release(); err != nil { // the blocks of another matrix
				return 0, 0, err
			}
		default:
			return 0, 0, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
}

// reserveOne makes room for one block of the matrix in f, and keeps the buffers of all
// workers if that is there already.
func (b *buffers) reserveOne(f File) error {
	packed, unpacked := bufferSizes(f)
	if len(b.packed) > 0 && len(b.packed[0].bytes) >= packed && len(b.unpacked) > 0 && len(b.unpacked[0].bytes) >= unpacked {
		return nil
	}
	_, _, err := b.reserve(f, 1, 0)
	return err
}

// grow makes the first arenas at least as large as asked for and, under a
// budget, gives the others back.
func (b *buffers) grow(workers, packed, blocks, unpacked int) error {
	if err := b.fit(&b.packed, workers, packed); err != nil {
		return err
	}
	return b.fit(&b.unpacked, blocks, unpacked)
}

func (b *buffers) fit(list *[]arena, n, size int) error {
	if b.budget != nil {
		for i := n; i < len(*list); i++ {
			if err := (*list)[i].release(); err != nil {
				return err
			}
		}
	}
	for len(*list) < n {
		*list = append(*list, arena{})
	}
	for i := range (*list)[:n] {
		a := &(*list)[i]
		if len(a.bytes) >= size {
			continue
		}
		if err := a.release(); err != nil {
			return err
		}
		grown, err := newArena(b.budget, "a block", size)
		if err != nil {
			return err
		}
		*a = grown
	}
	return nil
}

// oversized tells whether an arena is larger than this matrix needs.
func (b *buffers) oversized(packed, unpacked int) bool {
	for i := range b.packed {
		if len(b.packed[i].bytes) > packed {
			return true
		}
	}
	for i := range b.unpacked {
		if len(b.unpacked[i].bytes) > unpacked {
			return true
		}
	}
	return false
}

func (b *buffers) bytes() int64 {
	var n int64
	for _, list := range [][]arena{b.packed, b.unpacked} {
		for i := range list {
			n += int64(len(list[i].bytes))
		}
	}
	return n
}

func (b *buffers) release() error {
	var errs []error
	for _, list := range [][]arena{b.packed, b.unpacked} {
		for i := range list {
			errs = append(errs, list[i].release())
		}
	}
	b.packed, b.unpacked = nil, nil
	return errors.Join(errs...)
}
