package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// indexed is a matrix of index bytes in the blocks of a file, of which a table has the values: what [Quantized] and
// [Lattice] have in common. Where a value is not the weight, there is a correction.
type indexed struct {
	blocks
	layout      Layout
	table       *kernel.Table
	scales      *scales      // nil for none
	corrections *corrections // nil for none
	close       func() error
	resident    *resident // nil while streamed; guarded by engine.mu
}

// scales are the factors of a matrix diag(row)·V·diag(column), V being the values of the indices, whose columns are in
// another order there.
type scales struct {
	column *kernel.Columns
	row    []float32 // nil: all are 1
}

// Rows returns the number of rows of W.
func (m *indexed) Rows() int { return m.file.Rows() }

// Cols returns the number of columns of W.
func (m *indexed) Cols() int { return m.file.Cols() }

// Close frees what Load took and closes the file, after the product that runs, if one does.
func (m *indexed) Close() error {
	m.engine.forget(m.file)
	return errors.Join(m.Unload(), m.close())
}

// fetch unpacks block i into the engine's given buffer and, where the policy asks,
// checks its hash. It returns the block's indices.
func (m *indexed) fetch(ctx context.Context, w, buffer, i int, s *Stats) ([]byte, error) {
	indices := m.engine.buffers.unpacked[buffer].bytes[:m.file.Block(i).DecompLen]
	if err := m.blocks.fetch(ctx, indices, w, i, s); err != nil {
		return nil, err
	}
	m.learn(i, indices)
	return indices, nil
}

// learn fills in the corrections of block i, whose indices are given, if they wait for that.
func (m *indexed) learn(i int, indices []byte) {
	if m.corrections != nil {
		m.corrections.learn(i, uint64(m.file.Block(i).FirstRow)*uint64(m.Cols()), indices, m.table)
	}
}

// eachPart calls do for the indices of rows [a, b), n in all, part by part in
// order: those from index at on, which are valid until do returns.
func (m *indexed) eachPart(ctx context.Context, n, a, b int, do func(at int, indices []byte)) error {
	if err := checkFloats(m.Rows(), m.Cols(), n, a, b); err != nil {
		return fmt.Errorf("%s: %w", m.file.Name(), err)
	}
	if a == b {
		return nil
	}
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if r := m.resident; r != nil {
		if plain, ok := r.store.(byteStore); ok {
			do(0, plain.rows(a, b))
			return nil
		}
	}
	if err := m.engine.buffers.reserveOne(&m.layout); err != nil {
		return err
	}
	first, last := blockRange(m.file, a, b)
	for i, row := first, a; i < last; i++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		block := m.file.Block(i)
		end := min(b, block.FirstRow+block.Rows)
		indices, err := m.someRows(ctx, i, row, end)
		if err != nil {
			return err
		}
		do((row-a)*m.Cols(), indices)
		row = end
	}
	return nil
}

// someRows returns the indices of rows [a, b), which lie in block i, in the engine's
// first buffer.
func (m *indexed) someRows(ctx context.Context, i, a, b int) ([]byte, error) {
	if r := m.resident; r != nil {
		indices := m.engine.buffers.unpacked[0].bytes[:(b-a)*m.Cols()]
		r.store.unpack(indices, a)
		return indices, nil
	}
	first := m.file.Block(i).FirstRow
	if m.file.InTiles() {
		view := m.engine.buffers.views[0].Matrix
		if err := m.fetchTiles(ctx, view, 0, i, new(Stats)); err != nil {
			return nil, err
		}
		indices := m.engine.buffers.unpacked[0].bytes[:(b-a)*m.Cols()]
		view.Unpack(indices, a-first)
		return indices, nil
	}
	indices, err := m.fetch(ctx, 0, 0, i, new(Stats))
	if err != nil {
		return nil, err
	}
	return indices[(a-first)*m.Cols() : (b-first)*m.Cols()], nil
}
