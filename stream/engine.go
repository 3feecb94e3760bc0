package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
	"github.com/helix-substrate/helix-substrate/internal/workers"
	"github.com/helix-substrate/helix-substrate/memory"
)

// ErrBudget reports a memory budget that is too small; the message names how much would do.
var ErrBudget = memory.ErrBudget

// EngineOptions configure an [Engine]. The zero value is ready to use.
type EngineOptions struct {
	// Threads is the number of workers of a product; 0 means GOMAXPROCS.
	Threads int
	// CPU forces a kernel level such as "avx2"; empty takes the one that the
	// environment variable HELIX_CPU names, or the best.
	CPU string
	// Canon is the arithmetic of lattice matrices, empty for CanonInteger.
	Canon Canon
	// Budget bounds the block buffers and resident matrices; nil has no limit. With
	// a budget, files do not stay in the page cache either. Where it does not allow
	// buffers for every worker, products run on fewer.
	Budget *memory.Ledger
}

// Engine runs products: it owns the kernels for this CPU, the workers, which are
// started when they are first needed, and the buffers, which lie outside the Go heap,
// grow to the largest block seen and are reused by every matrix. It runs one product
// at a time; concurrent calls wait for their turn. Close it after the last product,
// and after its matrices.
type Engine struct {
	threads int
	kernels *kernel.Kernels
	canon   Canon
	budget  *memory.Ledger

	pool *workers.Pool

	mu       sync.Mutex // held for the length of a product
	buffers  buffers
	group    group    // the product that runs
	upcoming upcoming // blocks of the experts that were chosen last
	reads    *expertReads
}

// NewEngine returns an engine. Its error is about the options.
func NewEngine(o EngineOptions) (*Engine, error) {
	k, err := kernels(o.CPU)
	if err != nil {
		return nil, err
	}
	canon, err := ParseCanon(string(o.Canon))
	if err != nil {
		return nil, err
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("threads %d: must not be negative: %w", o.Threads, ErrOption)
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return &Engine{
		threads: o.Threads, kernels: k, canon: canon, budget: o.Budget, pool: workers.New(o.Threads), buffers: buffers{budget: o.Budget},
	}, nil
}

func kernels(level string) (*kernel.Kernels, error) {
	if level == "" {
		return kernel.FromEnv()
	}
	return kernel.ForLevel(kernel.Level(level))
}

// CPU returns the level of the kernels in use, such as "avx2".
func (e *Engine) CPU() string { return string(e.kernels.Level()) }

// Close frees the buffers and ends the workers. It must not be called while a product runs.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pool.Close()
	err := e.reads.close()
	e.reads = nil // a queue cannot be closed twice
	return errors.Join(err, e.buffers.release())
}

// Task is work in parts that are independent of each other.
type Task interface {
	// Do does part i. No two calls of a run at a time have the same worker, which is numbered from 0.
	Do(worker, i int) error
}

// Each does all parts 0 … parts−1 of a task on at most the given number of the engine's workers, those numbered below it;
// who is free takes the next part. It starts no goroutine and allocates nothing once the workers are there. The first error, or
// the end of the context, keeps parts that nobody has begun from being done. A part must not use the engine.
func (e *Engine) Each(ctx context.Context, workers, parts int, t Task) error {
	return e.pool.Run(ctx, workers, parts, t)
}

// buffers are an engine's blocks in flight: one packed block per worker, and
// unpacked ones.
type buffers struct {
	budget           *memory.Ledger
	packed, unpacked []arena
	views            []tileStore // of blocks in tiles, which lie in packed ones
}

// reserve makes room for blocks of a matrix: for each worker a packed one and an
// unpacked one, and ahead more unpacked ones. Where the budget does not allow that,
// it is content with less; it returns the workers and unpacked blocks there are
// room for, at least one of each.
func (b *buffers) reserve(l *Layout, workers, ahead int) (int, int, error) {
	packed, unpacked := l.PackedBuffer, l.UnpackedBuffer
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
			return 0, 0, fmt.Errorf("%s: %w", l.Name, err)
		}
	}
}

// reserveOne makes room for one block of a matrix, and keeps the buffers of all
// workers if that is there already.
func (b *buffers) reserveOne(l *Layout) error {
	if len(b.packed) > 0 && len(b.packed[0].bytes) >= l.PackedBuffer && len(b.unpacked) > 0 && len(b.unpacked[0].bytes) >= l.UnpackedBuffer {
		return nil
	}
	_, _, err := b.reserve(l, 1, 0)
	return err
}

// grow makes the first arenas at least as large as asked for and, under a
// budget, gives the others back.
func (b *buffers) grow(workers, packed, blocks, unpacked int) error {
	for len(b.views) < workers {
		b.views = append(b.views, tileStore{Matrix: new(tiles.Matrix)})
	}
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
