package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// resident holds a matrix's indices in memory, verified: as bytes, or packed in 6
// or 4 bits where the codebook has so few values.
type resident struct {
	arena  arena
	bits   int            // 8, 6 or 4
	packed *kernel.Packed // nil for 8 bits
}

// entriesKey is the header key by which files written here say how many values
// their codebook has; the format pads it to 256.
const entriesKey = "codebook_entries"

// entries returns how many codebook values f uses: what its header says or, for
// files of others, up to the padding.
func entries(f *cdna.File) int {
	var n int
	if text, ok := f.Header().Extra[entriesKey]; ok && json.Unmarshal(text, &n) == nil && n >= 1 && n <= 256 {
		return n
	}
	values := f.Codebook()
	n = 256
	for n > 1 && values[n-1] == 0 {
		n--
	}
	return n
}

// residentBits returns the bits of an index in memory.
func residentBits(entries int) int {
	switch {
	case entries <= 16:
		return 4
	case entries <= 64:
		return 6
	}
	return 8
}

// residentSize returns the bytes of a resident matrix.
func residentSize(rows, cols, bits int) int {
	if bits == 8 {
		return rows * cols
	}
	return kernel.PackedSize(rows, cols, bits)
}

// ResidentSize returns the memory that the matrix in f would take, were it
// resident.
func ResidentSize(f File) int64 {
	switch f := f.(type) {
	case *cdna.File:
		return int64(residentSize(f.Rows(), f.Cols(), residentBits(entries(f))))
	case *cdna.Lossless:
		return int64(f.Rows()) * int64(f.Cols()) * int64(denseWidth(f.DType()))
	}
	panic(fmt.Sprintf("stream: unknown file %T", f))
}

// ResidentBytes returns the memory that the matrix holds, 0 while it is streamed.
func (m *Matrix) ResidentBytes() int64 {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if m.resident == nil {
		return 0
	}
	return int64(len(m.resident.arena.bytes))
}

// ResidentBits returns the bits of an index in memory, 0 while streamed.
func (m *Matrix) ResidentBits() int {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if m.resident == nil {
		return 0
	}
	return m.resident.bits
}

// Load makes the matrix resident: it reads every block once, checks its hash
// whatever the policy, unless that is cdna.Off, and keeps the indices in 8, 6 or 4 bits each. Products no
// longer touch the file then. Loading a resident matrix does nothing. Errors are
// ErrBudget, those of package cdna and the context's; the matrix stays streamed.
func (m *Matrix) Load(ctx context.Context) error {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if m.resident != nil {
		return nil
	}
	r, err := m.load(ctx, residentBits(entries(m.file)))
	if errors.Is(err, kernel.ErrIndex) {
		r, err = m.load(ctx, 8) // an index into the codebook's padding, which reads as zero
	}
	if err != nil {
		return err
	}
	m.resident = r
	return nil
}

// load reads all blocks into memory.
func (m *Matrix) load(ctx context.Context, bits int) (*resident, error) {
	rows, cols := m.Rows(), m.Cols()
	a, err := newArena(m.engine.budget, m.file.Name(), residentSize(rows, cols, bits))
	if err != nil {
		return nil, err
	}
	r := &resident{arena: a, bits: bits}
	if bits != 8 {
		if r.packed, err = kernel.NewPacked(a.bytes, rows, cols, bits); err != nil {
			a.release()
			return nil, err
		}
	}
	workers, _, err := m.engine.buffers.reserve(m.file, min(m.engine.threads, m.file.NumBlocks()), 0)
	if err != nil {
		a.release()
		return nil, err
	}
	var packing sync.Mutex // of strips of four rows that lie in two blocks
	err = eachBlock(ctx, workers, 0, m.file.NumBlocks(), func(w, i int) error {
		b := m.file.Block(i)
		buf := m.engine.buffers.unpacked[w].bytes[:b.DecompLen]
		if r.packed == nil {
			buf = a.bytes[b.FirstRow*cols:][:b.DecompLen]
		}
		if err := m.blocks().unpack(buf, w, i, new(Stats)); err != nil {
			return err
		}
		if err := m.blocks().checkLoaded(i, buf); err != nil {
			return err
		}
		m.learn(i, buf)
		if r.packed == nil {
			return nil
		}
		return packBlock(r.packed, &packing, b.FirstRow, b.Rows, buf)
	})
	if err != nil {
		a.release()
		return nil, fmt.Errorf("load %s: %w", m.file.Name(), err)
	}
	return r, nil
}

// packBlock packs a block's rows: whole strips of four at once with other blocks,
// the rows before and after them one block after another.
func packBlock(p *kernel.Packed, ends *sync.Mutex, first, rows int, indices []byte) error {
	last, n := first+rows, len(indices)/rows
	a, b := min((first+3)&^3, last), max(last&^3, first)
	b = max(a, b)
	if err := p.Pack(a, indices[(a-first)*n:(b-first)*n]); err != nil {
		return err
	}
	ends.Lock()
	defer ends.Unlock()
	if err := p.Pack(first, indices[:(a-first)*n]); err != nil {
		return err
	}
	return p.Pack(b, indices[(b-first)*n:])
}

// Unload gives a resident matrix's memory back, after the product that runs, if one
// does; the matrix is streamed again.
func (m *Matrix) Unload() error {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if m.resident == nil {
		return nil
	}
	err := m.resident.arena.release()
	m.resident = nil
	return err
}
