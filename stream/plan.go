package stream

import (
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// File is a matrix on disk: a *cdna.File or a *cdna.Lossless.
type File interface {
	Name() string
	Rows() int
	Cols() int
	Size() int64
	NumBlocks() int
	Block(i int) cdna.Block
	MaxCompLen() int
	MaxBlockLen() int
	Stored() bool
	Close() error
}

// bufferSizes returns the bytes that a block of the matrix in f takes as it is
// read and, unpacked, as it is multiplied.
func bufferSizes(f File) (packed, unpacked int) {
	if !f.Stored() { // otherwise read to where it is wanted
		packed = f.MaxCompLen()
	}
	unpacked = f.MaxBlockLen()
	if l, ok := f.(*cdna.Lossless); ok {
		unpacked += widenedSize(l)
	}
	return packed, unpacked
}

// Residency says which matrices of a set are held in memory.
type Residency struct {
	// Resident tells for each file, in the order given, whether to call Load.
	Resident []bool
	// Threads is how many workers there are buffers for.
	Threads int
	// ResidentBytes is the memory of the resident matrices, BufferBytes that of the
	// blocks in flight, which loading needs too.
	ResidentBytes, BufferBytes int64
	// Minimum is the smallest limit under which the set works at all.
	Minimum int64
}

// Total returns the bytes that the plan takes.
func (r Residency) Total() int64 { return r.ResidentBytes + r.BufferBytes }

// candidate is a file as the plan sees it.
type candidate struct {
	index    int
	weights  int64
	resident int64 // bytes
}

// PlanResidency chooses which of the matrices in files to hold in memory so that
// all of them can be multiplied by within limit bytes of block buffers and
// resident matrices. Matrices are used in turn, so each one held saves unpacking
// its weights once a round: those that hold most weights per byte come first, then
// the larger ones. It fails with ErrBudget, naming the minimum, when not even one
// worker can stream them. The same input gives the same plan.
func PlanResidency[F File](limit int64, threads int, files []F) (Residency, error) {
	cs := make([]candidate, len(files))
	packed, unpacked := 0, 0
	for i, f := range files {
		p, u := bufferSizes(f)
		packed, unpacked = max(packed, p), max(unpacked, u)
		cs[i] = candidate{index: i, weights: int64(f.Rows()) * int64(f.Cols()), resident: ResidentSize(f)}
	}
	r := Residency{Resident: make([]bool, len(files)), Minimum: int64(packed + unpacked)}
	if limit < r.Minimum {
		return r, fmt.Errorf("%d matrices within %d bytes: at least %d bytes would do: %w", len(files), limit, r.Minimum, ErrBudget)
	}
	slices.SortStableFunc(cs, func(a, b candidate) int {
		// weights per byte, falling: a.weights/a.resident > b.weights/b.resident
		if x, y := float64(a.weights)*float64(b.resident), float64(b.weights)*float64(a.resident); x != y {
			return compare(y, x)
		}
		return compare(float64(b.weights), float64(a.weights))
	})
	// As many workers as there are buffers for, then as many matrices as fit.
	for r.Threads = max(1, threads); r.Threads > 1 && int64(r.Threads)*r.Minimum > limit; r.Threads-- {
	}
	r.BufferBytes = int64(r.Threads) * r.Minimum
	for _, c := range cs {
		if c.resident <= limit-r.BufferBytes-r.ResidentBytes {
			r.Resident[c.index] = true
			r.ResidentBytes += c.resident
		}
	}
	return r, nil
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
