package linalg

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// An Engine runs operations on a number of threads. It keeps nothing of an
// operation but scratch memory for the next one, and is safe for concurrent
// use: each operation then has scratch and threads of its own.
type Engine struct {
	kernels       *kernel.Kernels
	threads       int
	rows, columns int       // of a register tile
	scratch       sync.Pool // of *scratch
}

// New returns an engine on at least one thread.
func New(k *kernel.Kernels, threads int) *Engine {
	e := &Engine{kernels: k, threads: max(threads, 1)}
	e.rows, e.columns = k.Tile64()
	e.scratch.New = func() any { return newScratch(e) }
	return e
}

// ScratchBytes is the memory that an operation takes beside its matrices.
func (e *Engine) ScratchBytes() int64 {
	return 8 * int64(e.packedColumns()*blockSteps+e.threads*e.workerSize())
}

// packedColumns is the number of columns of B that are packed at once.
func (e *Engine) packedColumns() int { return blockColumns / e.columns * e.columns }

// workerSize is the number of float64 that a thread needs: its rows of A and a tile.
func (e *Engine) workerSize() int { return blockRows*blockSteps + e.rows*e.columns }

// scratch is the memory of one operation.
type scratch struct {
	columns []float64   // packed columns of B
	workers [][]float64 // by thread, of workerSize
}

func newScratch(e *Engine) *scratch {
	s := &scratch{columns: make([]float64, e.packedColumns()*blockSteps), workers: make([][]float64, e.threads)}
	for i := range s.workers {
		s.workers[i] = make([]float64, e.workerSize())
	}
	return s
}

// parallel calls f for 0 … count-1, in any order, on so many threads. worker is
// which of them it is.
func parallel(threads, count int, f func(worker, i int)) {
	threads = min(threads, count)
	if threads <= 1 {
		for i := range count {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	run := func(worker int) {
		for i := next.Add(1) - 1; i < int64(count); i = next.Add(1) - 1 {
			f(worker, int(i))
		}
	}
	var wg sync.WaitGroup
	for worker := 1; worker < threads; worker++ {
		wg.Go(func() { run(worker) })
	}
	run(0)
	wg.Wait()
}

// check panics if rows of width elements, ld apart, do not lie within n elements.
func check(what string, n, ld, rows, width int) {
	ok := rows >= 0 && width >= 0 && ld >= width
	if ok && rows > 0 && width > 0 {
		ok = width <= n && (ld == 0 || (n-width)/ld >= rows-1)
	}
	if !ok {
		panic(fmt.Sprintf("linalg: %s: %d × %d with leading dimension %d in %d elements", what, rows, width, ld, n))
	}
}
