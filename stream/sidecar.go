package stream

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// sidecar serves the outliers of a matrix by row.
type sidecar struct {
	file *cdna.Sidecar
	cols int
	// touched marks the columns that hold an outlier: X @ W adds corrections to
	// those alone, so that a column without outliers keeps its bits.
	touched []bool
}

func newSidecar(f *cdna.File, s *cdna.Sidecar) (*sidecar, error) {
	if s.Header.Rows != f.Rows() || s.Header.Cols != f.Cols() {
		return nil, fmt.Errorf("sidecar of tensor %q is [%d, %d], %s is [%d, %d]: %w", s.Header.TensorName,
			s.Header.Rows, s.Header.Cols, f.Name(), f.Rows(), f.Cols(), ErrShape)
	}
	c := &sidecar{file: s, cols: f.Cols(), touched: make([]bool, f.Cols())}
	for _, p := range s.Positions {
		c.touched[p%uint64(c.cols)] = true
	}
	return c, nil
}

// outliers calls visit for every outlier of rows [a, b), in ascending position,
// with its row counted from a, its column and its exact value.
func (c *sidecar) outliers(a, b int, visit func(row, col int, value float32)) {
	first, last := c.file.Range(uint64(a)*uint64(c.cols), uint64(b)*uint64(c.cols))
	for i := first; i < last; i++ {
		p := c.file.Positions[i]
		visit(int(p/uint64(c.cols))-a, int(p%uint64(c.cols)), c.file.Value(i))
	}
}

// correctDot adds the outliers of rows [a, b) to y, the dot products of those
// rows with the vectors of x: y[v*ldy+row] += z, where z is the chain of
// fused multiply-adds z = x·δ + z over the row's outliers.
func (m *Matrix) correctDot(y []float32, ldy int, x []float32, batch int, indices []byte, a, b int) {
	n := m.Cols()
	for v := range batch {
		xv := x[v*n : (v+1)*n]
		row, z := -1, float32(0)
		m.sidecar.outliers(a, b, func(r, col int, value float32) {
			if r != row {
				if row >= 0 {
					y[v*ldy+row] += z
				}
				row, z = r, 0
			}
			z = kernel.FMA32(xv[col], value-m.values[indices[r*n+col]], z)
		})
		if row >= 0 {
			y[v*ldy+row] += z
		}
	}
}

// correctAccumulate adds the outliers of rows [a, b) and columns [c0, c1) to the
// corrections z [batch, cols] of X @ W.
func (m *Matrix) correctAccumulate(z, x []float32, batch int, indices []byte, a, b, c0, c1 int) {
	rows, cols := m.Rows(), m.Cols()
	m.sidecar.outliers(a, b, func(r, col int, value float32) {
		if col < c0 || col >= c1 {
			return
		}
		delta := value - m.values[indices[r*cols+col]]
		for v := range batch {
			z[v*cols+col] = kernel.FMA32(x[v*rows+a+r], delta, z[v*cols+col])
		}
	})
}

// addCorrections adds z to y in the columns that hold outliers.
func (m *Matrix) addCorrections(y, z []float32, batch int) {
	cols := m.Cols()
	for col, touched := range m.sidecar.touched {
		if !touched {
			continue
		}
		for v := range batch {
			y[v*cols+col] += z[v*cols+col]
		}
	}
}
