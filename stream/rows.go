package stream

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/codebook"
)

// Indices writes the codebook indices of rows [a, b) to dst, which has length
// (b−a)·Cols. Of a streamed matrix only the blocks that hold those rows are read,
// one after another into the engine's buffers; nothing else is allocated. Errors
// are ErrShape, ErrBudget and those of package cdna.
func (m *Matrix) Indices(dst []byte, a, b int) error {
	return m.eachPart(len(dst), a, b, func(at int, indices []byte) { copy(dst[at:], indices) })
}

// Floats writes the weights of rows [a, b) to dst, as Indices does: codebook
// values, and the sidecar's where it is applied.
func (m *Matrix) Floats(dst []float32, a, b int) error {
	err := m.eachPart(len(dst), a, b, func(at int, indices []byte) {
		codebook.Decode(dst[at:][:len(indices)], indices, m.values[:])
	})
	if err == nil && m.sidecar != nil {
		m.sidecar.file.Apply(dst, uint64(a)*uint64(m.Cols()))
	}
	return err
}

// eachPart calls do for the indices of rows [a, b), n in all, part by part in
// order: those from index at on, which are valid until do returns.
func (m *Matrix) eachPart(n, a, b int, do func(at int, indices []byte)) error {
	if err := m.checkRows(a, b); err != nil {
		return err
	}
	if n != (b-a)*m.Cols() {
		return fmt.Errorf("%s: dst holds %d values, rows [%d, %d) have %d: %w", m.file.Name(), n, a, b, (b-a)*m.Cols(), ErrShape)
	}
	if a == b {
		return nil
	}
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if r := m.resident; r != nil && r.packed == nil {
		do(0, r.arena.bytes[a*m.Cols():b*m.Cols()])
		return nil
	}
	if err := m.engine.buffers.reserveOne(m.file); err != nil {
		return err
	}
	first, last := blockRange(m.file, a, b)
	for i, row := first, a; i < last; i++ {
		block := m.file.Block(i)
		end := min(b, block.FirstRow+block.Rows)
		indices, err := m.rows(i, row, end)
		if err != nil {
			return err
		}
		do((row-a)*m.Cols(), indices)
		row = end
	}
	return nil
}

// rows returns the indices of rows [a, b), which lie in block i, in the engine's
// first buffer.
func (m *Matrix) rows(i, a, b int) ([]byte, error) {
	if r := m.resident; r != nil {
		indices := m.engine.buffers.unpacked[0].bytes[:(b-a)*m.Cols()]
		r.packed.Unpack(indices, a)
		return indices, nil
	}
	indices, err := m.fetch(0, 0, i, new(Stats))
	if err != nil {
		return nil, err
	}
	first := m.file.Block(i).FirstRow
	return indices[(a-first)*m.Cols() : (b-first)*m.Cols()], nil
}
