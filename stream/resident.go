package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// resident holds a matrix's indices in memory, verified.
type resident struct {
	arena arena
	store store
}

// store is a way to keep indices in memory and to multiply by them. What its methods compute is
// what DotRows and AccumulateRows of package kernel do.
type store interface {
	// pack keeps a block's rows, from row first on; blocks are packed at once.
	pack(first, rows int, indices []byte) error
	// unpack writes the indices of rows from first on.
	unpack(indices []byte, first int)
	// dot multiplies rows from first on.
	dot(k *kernel.Kernels, y []float32, ldy int, x *kernel.Activations, t *kernel.Table, first, rows int)
	// accumulate adds rows from first on, of columns from column on.
	accumulate(k *kernel.Kernels, y []float32, ldy int, x []float32, ldx, batch int, t *kernel.Table, first, rows, column, cols int)
}

// byteStore keeps an index a byte.
type byteStore struct {
	indices []byte
	cols    int
}

func (s byteStore) rows(a, b int) []byte { return s.indices[a*s.cols : b*s.cols] }

func (s byteStore) pack(int, int, []byte) error { return nil } // they were unpacked here

func (s byteStore) unpack(indices []byte, first int) { copy(indices, s.indices[first*s.cols:]) }

func (s byteStore) dot(k *kernel.Kernels, y []float32, ldy int, x *kernel.Activations, t *kernel.Table, first, rows int) {
	k.DotRows(y, ldy, x, t, s.rows(first, first+rows), rows)
}

func (s byteStore) accumulate(k *kernel.Kernels, y []float32, ldy int, x []float32, ldx, batch int, t *kernel.Table, first, rows, column, cols int) {
	k.AccumulateRows(y, ldy, x, ldx, batch, t, s.rows(first, first+rows)[column:], s.cols, rows, cols)
}

// packedStore keeps 6 or 4 bits an index, where the codebook has so few values.
type packedStore struct {
	*kernel.Packed
	ends sync.Mutex // held to pack strips of four rows that lie in two blocks
}

// pack packs whole strips of four at once with other blocks, the rows before and
// after them one block after another.
func (s *packedStore) pack(first, rows int, indices []byte) error {
	last, n := first+rows, len(indices)/rows
	a, b := min((first+3)&^3, last), max(last&^3, first)
	b = max(a, b)
	if err := s.Pack(a, indices[(a-first)*n:(b-first)*n]); err != nil {
		return err
	}
	s.ends.Lock()
	defer s.ends.Unlock()
	if err := s.Pack(first, indices[:(a-first)*n]); err != nil {
		return err
	}
	return s.Pack(b, indices[(b-first)*n:])
}

func (s *packedStore) unpack(indices []byte, first int) { s.Unpack(indices, first) }

func (s *packedStore) dot(k *kernel.Kernels, y []float32, ldy int, x *kernel.Activations, t *kernel.Table, first, rows int) {
	k.DotRowsPacked(y, ldy, x, t, s.Packed, first, rows)
}

func (s *packedStore) accumulate(k *kernel.Kernels, y []float32, ldy int, x []float32, ldx, batch int, t *kernel.Table, first, rows, column, cols int) {
	k.AccumulateColumnsPacked(y, ldy, x, ldx, batch, t, s.Packed, first, rows, column, cols)
}

// newStore returns a store of so many bits an index in buf, which has residentSize bytes.
func newStore(buf []byte, rows, cols, bits int) (store, error) {
	if bits == 8 {
		return byteStore{buf, cols}, nil
	}
	p, err := kernel.NewPacked(buf, rows, cols, bits)
	return &packedStore{Packed: p}, err
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

// ResidentBytes returns the memory that the matrix holds, 0 while it is streamed.
func (m *indexed) ResidentBytes() int64 {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	return m.residentBytes()
}

func (m *indexed) residentBytes() int64 {
	if m.resident == nil {
		return 0
	}
	return int64(len(m.resident.arena.bytes))
}

// ResidentBits returns the bits of an index in memory, 0 while streamed.
func (m *Quantized) ResidentBits() int {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if m.resident == nil {
		return 0
	}
	if p, ok := m.resident.store.(*packedStore); ok {
		return p.Bits()
	}
	return 8
}

// Load makes the matrix resident: it reads every block once, checks its hash
// whatever the policy, unless that is cdna.Off, and keeps the indices in 8, 6 or 4 bits each. Products no
// longer touch the file then. Loading a resident matrix does nothing. Errors are
// ErrBudget, those of package cdna and the context's; the matrix stays streamed.
func (m *Quantized) Load(ctx context.Context) error {
	bits := residentBits(m.cdna.Entries())
	err := m.loadAs(ctx, residentSize(m.Rows(), m.Cols(), bits), m.inBits(bits))
	if errors.Is(err, kernel.ErrIndex) {
		err = m.loadAs(ctx, residentSize(m.Rows(), m.Cols(), 8), m.inBits(8)) // an index into the codebook's padding, which reads as zero
	}
	return err
}

func (m *Quantized) inBits(bits int) func(buf []byte) (store, error) {
	return func(buf []byte) (store, error) { return newStore(buf, m.Rows(), m.Cols(), bits) }
}

// loadAs makes the matrix resident, unless it is, in the store that in makes of size bytes.
func (m *indexed) loadAs(ctx context.Context, size int, in func(buf []byte) (store, error)) error {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if m.resident != nil {
		return nil
	}
	a, err := newWeights(m.engine.budget, m.file.Name(), size)
	if err != nil {
		return err
	}
	s, err := in(a.bytes)
	if err == nil {
		err = m.fill(ctx, s)
	}
	if err != nil {
		a.release()
		return fmt.Errorf("load %s: %w", m.file.Name(), err)
	}
	m.resident = &resident{a, s}
	return nil
}

// fill reads all blocks into a store.
func (m *indexed) fill(ctx context.Context, s store) error {
	workers, _, err := m.engine.buffers.reserve(&m.layout, min(m.engine.threads, m.file.NumBlocks()), 0)
	if err != nil {
		return err
	}
	plain, isPlain := s.(byteStore)
	return m.engine.eachBlock(ctx, workers, 0, m.file.NumBlocks(), func(w, i int) error {
		b := m.file.Block(i)
		buf := m.engine.buffers.unpacked[w].bytes[:b.DecompLen]
		if isPlain {
			buf = plain.rows(b.FirstRow, b.FirstRow+b.Rows)
		}
		tellOf(m.file, i)
		packed, hashed, err := m.unpack(ctx, buf, w, i, new(Stats))
		if err != nil {
			return err
		}
		if err := m.checkLoaded(i, packed, hashed); err != nil {
			return err
		}
		m.learn(i, buf)
		return s.pack(b.FirstRow, b.Rows, buf)
	})
}

// Unload gives a resident matrix's memory back, after the product that runs, if one
// does; the matrix is streamed again.
func (m *indexed) Unload() error {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if m.resident == nil {
		return nil
	}
	err := m.resident.arena.release()
	m.resident = nil
	return err
}
