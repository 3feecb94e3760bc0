package kernel

import "sync"

// Kernels is the set of routines for one CPU level. It keeps nothing of a
// product but scratch memory for the next one, and is safe for concurrent use.
type Kernels struct {
	level   Level
	asm     *routines        // nil: portable Go
	integer *integerRoutines // nil: portable Go
	scratch sync.Pool        // of *scratch
}

func newKernels(l Level) *Kernels {
	return &Kernels{
		level:   l,
		asm:     routinesFor(l),
		integer: integerRoutinesFor(l),
		scratch: sync.Pool{New: func() any { return new(scratch) }},
	}
}

// Level says which routines these are.
func (k *Kernels) Level() Level { return k.level }

// scratch is the memory that a product of decoded tiles needs, at most about
// 700 KiB. Products of few vectors use little of it or none.
type scratch struct {
	weights  []float32   // decoded weights
	sums     []float32   // lanes, or columns of y
	integers []int32     // sums of tile registers, or of a strip's groups
	ranges   []codeRange // of the codes of a chunk
	list     []byte      // of exceptions, with room behind
	looked   []byte      // what a group's exceptions come to
	staged   []byte      // the last columns of rows, padded to a group
	unpacked []byte      // rows of a matrix that is kept packed
	panel    []byte      // tiles in strip order
}

// resize returns s with n elements, whatever they hold.
func resize[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n)
	}
	*s = (*s)[:n]
	return *s
}
