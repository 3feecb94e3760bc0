package stream

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/codebook"
)

// Indices writes the codebook indices of rows [a, b) to dst, which has length
// (b−a)·Cols. Only the blocks that hold those rows are read.
func (m *Matrix) Indices(dst []byte, a, b int) error {
	if err := m.checkRows(a, b); err != nil {
		return err
	}
	if len(dst) != (b-a)*m.Cols() {
		return fmt.Errorf("%s: dst holds %d indices, rows [%d, %d) have %d: %w", m.file.Name(), len(dst), a, b, (b-a)*m.Cols(), ErrShape)
	}
	m.engine.mu.Lock()
	r := m.resident
	m.engine.mu.Unlock()
	switch {
	case r == nil:
		return m.file.ReadRows(dst, a, b, m.verifier)
	case r.packed != nil:
		r.packed.Unpack(dst, a)
	default:
		copy(dst, r.arena.bytes[a*m.Cols():b*m.Cols()])
	}
	return nil
}

// Floats writes the weights of rows [a, b) to dst, which has length (b−a)·Cols:
// codebook values, and the sidecar's where it is applied.
func (m *Matrix) Floats(dst []float32, a, b int) error {
	indices := make([]byte, len(dst))
	if err := m.Indices(indices, a, b); err != nil {
		return err
	}
	codebook.Decode(dst, indices, m.values[:])
	if m.sidecar != nil {
		m.sidecar.file.Apply(dst, uint64(a)*uint64(m.Cols()))
	}
	return nil
}
