package kernel

import (
	"errors"
	"fmt"
	"math"
)

// ErrSparse says that the positions of a sparse matrix are not ascending or lie
// outside of it.
var ErrSparse = errors.New("bad sparse matrix")

// Sparse holds the corrections that a sidecar makes to a matrix: for each
// outlier, its value less the codebook's weight at that place. The canon of a
// product with a sidecar is y = base + z, where base is the product with the
// codebook's weights and z, for outputs that have outliers, is a chain
// z = fma(x, δ, z) from +0 over them in ascending order of position.
//
// Products may run at once with each other, and with SetDelta for other rows than
// theirs.
type Sparse struct {
	rows, cols int
	start      []uint32 // entries of row r are start[r]..start[r+1]
	col        []uint32
	delta      []float32
	used       []uint32 // the columns that have entries, ascending
}

// NewSparse makes a sparse matrix from flat row-major positions, strictly
// ascending, and their corrections δ = float32(outlier − weight), nil for zeros
// until SetDelta. It copies both; the errors wrap ErrSparse.
func NewSparse(rows, cols int, positions []uint64, delta []float32) (*Sparse, error) {
	switch {
	case rows < 0 || cols < 0 || uint64(cols) > math.MaxUint32 || uint64(len(positions)) > math.MaxUint32:
		return nil, fmt.Errorf("%w: %d × %d with %d entries is too large", ErrSparse, rows, cols, len(positions))
	case delta != nil && len(positions) != len(delta):
		return nil, fmt.Errorf("%w: %d positions but %d corrections", ErrSparse, len(positions), len(delta))
	}
	s := &Sparse{
		rows: rows, cols: cols,
		start: make([]uint32, rows+1),
		col:   make([]uint32, len(positions)),
		delta: make([]float32, len(positions)),
	}
	copy(s.delta, delta)
	used := make([]bool, cols)
	row := 0
	for i, p := range positions {
		if i > 0 && p <= positions[i-1] {
			return nil, fmt.Errorf("%w: position %d after %d", ErrSparse, p, positions[i-1])
		}
		if cols == 0 || p/uint64(cols) >= uint64(rows) {
			return nil, fmt.Errorf("%w: position %d of %d × %d", ErrSparse, p, rows, cols)
		}
		for r := int(p / uint64(cols)); row < r; row++ {
			s.start[row+1] = uint32(i)
		}
		s.col[i] = uint32(p % uint64(cols))
		used[s.col[i]] = true
	}
	for ; row < rows; row++ {
		s.start[row+1] = uint32(len(positions))
	}
	n := 0
	for _, u := range used {
		if u {
			n++
		}
	}
	s.used = make([]uint32, 0, n)
	for c, u := range used {
		if u {
			s.used = append(s.used, uint32(c))
		}
	}
	return s, nil
}

// Cols returns the number of columns.
func (s *Sparse) Cols() int { return s.cols }

// Count returns how many entries rows first..first+rows-1 have.
func (s *Sparse) Count(first, rows int) int {
	s.checkRows("Sparse.Count", first, rows)
	return int(s.start[first+rows] - s.start[first])
}

// SetDelta sets the corrections of entries first, first+1, …, in the order of
// positions. It panics if they are not there.
func (s *Sparse) SetDelta(first int, delta []float32) {
	if first < 0 || first > len(s.delta) || len(delta) > len(s.delta)-first {
		panicf("SetDelta: entries %d..%d of %d", first, first+len(delta), len(s.delta))
	}
	copy(s.delta[first:], delta)
}

// DotSparse completes X·Wᵀ: to y[b·ldy+r], which holds the product of vector b
// and row first+r of the codebook's weights, it adds z where that row has
// outliers. x is row-major, vectors of s's columns, ldx apart (not the packed
// form). It panics if a slice is too short or a row is not there.
func (k *Kernels) DotSparse(y []float32, ldy int, x []float32, ldx, batch int, s *Sparse, first, rows int) {
	s.checkRows("DotSparse", first, rows)
	if batch < 0 || !fits(len(y), batch, ldy, rows) || !fits(len(x), batch, ldx, s.cols) {
		panicf("DotSparse: y of %d, x of %d for %d vectors, rows %d of %d columns", len(y), len(x), batch, rows, s.cols)
	}
	if rows == 0 || batch == 0 || len(s.col) == 0 {
		return
	}
	if k.asm == nil || k.asm.sparseDot[1] == nil {
		s.dotPortable(y, ldy, x, ldx, batch, first, rows)
		return
	}
	for b := 0; b < batch; b += maxDirect {
		n := min(maxDirect, batch-b)
		k.asm.sparseDot[n](&y[b*ldy], 4*ldy, &x[b*ldx], 4*ldx, &s.start[first], &s.col[0], &s.delta[0], rows)
	}
}

func (s *Sparse) dotPortable(y []float32, ldy int, x []float32, ldx, batch, first, rows int) {
	for r := range rows {
		from, to := s.start[first+r], s.start[first+r+1]
		if from == to {
			continue
		}
		for b := range batch {
			var z float32
			for i := from; i < to; i++ {
				z = FMA32(x[b*ldx+int(s.col[i])], s.delta[i], z)
			}
			y[b*ldy+r] = canonical(y[b*ldy+r] + z)
		}
	}
}

// AccumulateSparse carries the chains z of X·W on over rows first..first+rows-1:
// x[b·ldx+r] goes with row first+r. Before the first row all of z is +0; after
// the last, AddSparse adds it to y. Until then a NaN in z may be any NaN.
func (k *Kernels) AccumulateSparse(z []float32, ldz int, x []float32, ldx, batch int, s *Sparse, first, rows int) {
	s.checkRows("AccumulateSparse", first, rows)
	if batch < 0 || !fits(len(z), batch, ldz, s.cols) || !fits(len(x), batch, ldx, rows) {
		panicf("AccumulateSparse: z of %d, x of %d for %d vectors, rows %d of %d columns", len(z), len(x), batch, rows, s.cols)
	}
	if rows == 0 || len(s.col) == 0 {
		return
	}
	for b := range batch {
		z, x := z[b*ldz:], x[b*ldx:]
		if k.asm != nil && k.asm.sparseAccumulate != nil {
			k.asm.sparseAccumulate(&z[0], &x[0], &s.start[first], &s.col[0], &s.delta[0], rows)
			continue
		}
		for r := range rows {
			for i := s.start[first+r]; i < s.start[first+r+1]; i++ {
				c := s.col[i]
				z[c] = FMA32(x[r], s.delta[i], z[c])
			}
		}
	}
}

// AddSparse completes X·W: it adds z to y in the columns that have outliers.
func (k *Kernels) AddSparse(y []float32, ldy int, z []float32, ldz, batch int, s *Sparse) {
	if batch < 0 || !fits(len(y), batch, ldy, s.cols) || !fits(len(z), batch, ldz, s.cols) {
		panicf("AddSparse: y of %d, z of %d for %d vectors of %d", len(y), len(z), batch, s.cols)
	}
	if len(s.used) == 0 {
		return
	}
	for b := range batch {
		y, z := y[b*ldy:], z[b*ldz:]
		for _, c := range s.used {
			y[c] = canonical(y[c] + z[c])
		}
	}
}

func (s *Sparse) checkRows(method string, first, rows int) {
	if first < 0 || rows < 0 || first > s.rows || rows > s.rows-first {
		panicf("%s: rows %d..%d of %d", method, first, first+rows, s.rows)
	}
}
