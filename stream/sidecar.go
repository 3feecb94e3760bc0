package stream

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// sidecar holds the outliers of a matrix as corrections δ = outlier − codebook
// weight. A block's corrections are known once the block has been unpacked for
// the first time.
type sidecar struct {
	file        *cdna.Sidecar
	corrections *kernel.Sparse
	known       []bool // per block
}

func newSidecar(f *cdna.File, s *cdna.Sidecar) (*sidecar, error) {
	if err := f.CheckSidecar(s); err != nil {
		return nil, err
	}
	corrections, err := kernel.NewSparse(f.Rows(), f.Cols(), s.Positions, nil)
	if err != nil {
		return nil, fmt.Errorf("sidecar of tensor %q: %w", s.Header.TensorName, err)
	}
	return &sidecar{file: s, corrections: corrections, known: make([]bool, f.NumBlocks())}, nil
}

// SidecarSize returns the bytes of the Go heap that a matrix in f takes for its
// outliers: exact positions and values, for [Matrix.Floats], and corrections.
func SidecarSize(f File, outliers int) int64 {
	const position, value, column, delta = 8, 2, 4, 4
	rows, cols := int64(f.Rows()), int64(f.Cols())
	return (position+value+column+delta)*int64(outliers) + 4*(rows+1) + 4*min(cols, int64(outliers)) + int64(f.NumBlocks())
}

// learn fills in the corrections of block i, whose indices are given. A block is
// unpacked by one worker at a time.
func (m *Matrix) learn(i int, indices []byte) {
	c := m.sidecar
	if c == nil || c.known[i] {
		return
	}
	start := uint64(m.file.Block(i).FirstRow) * uint64(m.Cols())
	first, last := c.file.Range(start, start+uint64(len(indices)))
	for k := first; k < last; k++ {
		delta := [1]float32{c.file.Value(k) - m.values[indices[c.file.Positions[k]-start]]}
		c.corrections.SetDelta(k, delta[:])
	}
	c.known[i] = true
}
