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

// learn fills in the corrections of block i, whose indices are given. A block is
// unpacked by one worker at a time.
func (m *Matrix) learn(i int, indices []byte) {
	c := m.sidecar
	if c == nil || c.known[i] {
		return
	}
	start := uint64(m.file.Block(i).FirstRow) * uint64(m.Cols())
	first, last := c.file.Range(start, start+uint64(len(indices)))
	deltas := make([]float32, last-first)
	for k := range deltas {
		deltas[k] = c.file.Value(first+k) - m.values[indices[c.file.Positions[first+k]-start]]
	}
	c.corrections.SetDelta(first, deltas)
	c.known[i] = true
}
