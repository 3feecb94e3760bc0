package stream

import (
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// sidecar holds the outliers of a matrix as sparse rows of corrections
// δ = outlier − codebook weight. A block's corrections are known once the block
// has been unpacked for the first time.
type sidecar struct {
	file     *cdna.Sidecar
	rowStart []uint32  // outliers of row r: [rowStart[r], rowStart[r+1])
	cols     []uint32  // of each outlier
	deltas   []float32 // of each outlier
	known    []bool    // per block: deltas are filled in
	// touched marks the columns that hold an outlier: X @ W adds corrections to
	// those alone, so that a column without outliers keeps its bits.
	touched []bool
}

func newSidecar(f *cdna.File, s *cdna.Sidecar) (*sidecar, error) {
	if s.Header.Rows != f.Rows() || s.Header.Cols != f.Cols() {
		return nil, fmt.Errorf("sidecar of tensor %q is [%d, %d], %s is [%d, %d]: %w", s.Header.TensorName,
			s.Header.Rows, s.Header.Cols, f.Name(), f.Rows(), f.Cols(), ErrShape)
	}
	if n := s.Stray(); n > 0 {
		return nil, fmt.Errorf("sidecar of tensor %q has %d outliers beyond [%d, %d]: %w", s.Header.TensorName, n, f.Rows(), f.Cols(), ErrShape)
	}
	if len(s.Positions) > math.MaxUint32 || f.Cols() > math.MaxUint32 {
		return nil, fmt.Errorf("sidecar of tensor %q: %d outliers in rows of %d are too many: %w", s.Header.TensorName, len(s.Positions), f.Cols(), ErrShape)
	}
	c := &sidecar{
		file:     s,
		rowStart: make([]uint32, f.Rows()+1),
		cols:     make([]uint32, len(s.Positions)),
		deltas:   make([]float32, len(s.Positions)),
		known:    make([]bool, f.NumBlocks()),
		touched:  make([]bool, f.Cols()),
	}
	n := uint64(f.Cols())
	for i, p := range s.Positions {
		c.rowStart[p/n+1]++
		c.cols[i] = uint32(p % n)
		c.touched[p%n] = true
	}
	for r := range f.Rows() {
		c.rowStart[r+1] += c.rowStart[r]
	}
	return c, nil
}

// learn fills in the corrections of block i, whose indices are given. Each block
// is unpacked by one worker at a time.
func (m *Matrix) learn(i int, indices []byte) {
	c := m.sidecar
	if c == nil || c.known[i] {
		return
	}
	b, n := m.file.Block(i), m.Cols()
	for r := range b.Rows {
		row := indices[r*n:][:n]
		for k := c.rowStart[b.FirstRow+r]; k < c.rowStart[b.FirstRow+r+1]; k++ {
			c.deltas[k] = c.file.Value(int(k)) - m.values[row[c.cols[k]]]
		}
	}
	c.known[i] = true
}

// correctDot adds the outliers of rows [a, b) to y, the dot products of those
// rows with vectors x of length n: y[v*ldy+row] += z, where z is the chain of
// fused multiply-adds z = x·δ + z over the row's outliers.
func (c *sidecar) correctDot(y []float32, ldy int, x []float32, batch, n, a, b int) {
	for r := a; r < b; r++ {
		lo, hi := c.rowStart[r], c.rowStart[r+1]
		if lo == hi {
			continue
		}
		cols, deltas := c.cols[lo:hi], c.deltas[lo:hi]
		for v := range batch {
			xv, z := x[v*n:(v+1)*n], float32(0)
			for k, col := range cols {
				z = kernel.FMA32(xv[col], deltas[k], z)
			}
			y[v*ldy+r-a] += z
		}
	}
}

// correctAccumulate adds the outliers of rows [a, b) and columns [c0, c1) to the
// corrections z [batch, cols] of X @ W; ldx is the length of X's vectors.
func (c *sidecar) correctAccumulate(z []float32, x []float32, ldx, batch, a, b, c0, c1 int) {
	n := len(c.touched)
	for r := a; r < b; r++ {
		for k := c.rowStart[r]; k < c.rowStart[r+1]; k++ {
			col := int(c.cols[k])
			if col < c0 || col >= c1 {
				continue
			}
			for v := range batch {
				z[v*n+col] = kernel.FMA32(x[v*ldx+r], c.deltas[k], z[v*n+col])
			}
		}
	}
}

// addCorrections adds z to y in the columns [c0, c1) that hold outliers.
func (c *sidecar) addCorrections(y, z []float32, batch, c0, c1 int) {
	n := len(c.touched)
	for col := c0; col < c1; col++ {
		if !c.touched[col] {
			continue
		}
		for v := range batch {
			y[v*n+col] += z[v*n+col]
		}
	}
}
