package stream

import (
	"cmp"
	"fmt"
	"slices"
)

// Residency says which matrices of a set are held in memory.
type Residency struct {
	// Resident tells for each matrix, in the order given, whether to call Load.
	Resident []bool
	// Threads is how many workers there are buffers for.
	Threads int
	// ResidentBytes is the memory of the resident matrices, BufferBytes that of the
	// blocks in flight, which loading needs too.
	ResidentBytes, BufferBytes int64
	// Left is what neither takes: with Caches, room for experts that are not resident.
	Left   int64
	Caches bool
	// Minimum is the smallest limit under which the set works at all.
	Minimum int64
}

// PlanResidency chooses which of the matrices to hold in memory so that
// all of them can be multiplied by within limit bytes of block buffers and
// resident matrices. Matrices are used in turn, so each one held saves unpacking
// the weights that are used of it once a round: those of which most are used per byte come first, then
// the larger ones. Matrices of experts that can be cached (ExpertBytes) are resident either all or none of them: else what
// is left is for an [ExpertCache], which saves more of what is read. It fails with ErrBudget, naming the minimum, when not even one
// worker can stream them. The same input gives the same plan.
func PlanResidency(limit int64, threads int, matrices []Layout) (Residency, error) {
	order := make([]int, len(matrices))
	packed, unpacked := 0, 0
	for i, l := range matrices {
		order[i] = i
		packed, unpacked = max(packed, l.PackedBuffer), max(unpacked, l.UnpackedBuffer)
	}
	r := Residency{Resident: make([]bool, len(matrices)), Minimum: int64(packed + unpacked)}
	if limit < r.Minimum {
		return r, fmt.Errorf("%d matrices within %d bytes: at least %d bytes would do: %w", len(matrices), limit, r.Minimum, ErrBudget)
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &matrices[i], &matrices[j]
		// weights per byte, falling: a's weights/bytes > b's weights/bytes
		x, y := a.used()*float64(b.ResidentBytes), b.used()*float64(a.ResidentBytes)
		return cmp.Or(cmp.Compare(y, x), cmp.Compare(b.Weights(), a.Weights()))
	})
	// As many workers as there are buffers for, then as many matrices as fit.
	for r.Threads = max(1, threads); r.Threads > 1 && int64(r.Threads)*r.Minimum > limit; r.Threads-- {
	}
	r.BufferBytes = int64(r.Threads) * r.Minimum
	r.choose(limit, order, matrices, func(*Layout) bool { return true })
	for i := range matrices {
		if matrices[i].ExpertBytes > 0 && !r.Resident[i] {
			r.choose(limit, order, matrices, func(l *Layout) bool { return l.ExpertBytes == 0 })
			r.Caches = true
			break
		}
	}
	r.Left = limit - r.BufferBytes - r.ResidentBytes
	return r, nil
}

// choose makes those matrices resident, in this order, that may be and fit.
func (r *Residency) choose(limit int64, order []int, matrices []Layout, may func(*Layout) bool) {
	clear(r.Resident)
	r.ResidentBytes = 0
	for _, i := range order {
		if n := matrices[i].ResidentBytes; may(&matrices[i]) && n <= limit-r.BufferBytes-r.ResidentBytes {
			r.Resident[i] = true
			r.ResidentBytes += n
		}
	}
}
