package stream

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// Lattice is a matrix W = diag(t)·Z·diag(s) of integers in a lattice file. It is streamed, read again for every product,
// until Load makes it resident; results are the same. It is safe for concurrent use.
//
// Products scale the vectors, multiply by Z, add what the larger integers come to as a sidecar's outliers are added, and
// scale again. In the integer canon X @ Wᵀ rounds the scaled vectors to 8 bits and sums exactly (package kernel); in the
// other, and in X @ W, codes are indices into the table of the integers −128 … 127:
//
//	X @ Wᵀ: y_i = t_i·(Σ_j z_ij·(s_j·x_j))     X @ W: y_j = s_j·(Σ_i z_ij·(t_i·x_i))
//
// The columns of Z are in the order of the file's blocks: by class.
type Lattice struct {
	indexed
	lattice *cdna.Lattice
	policy  cdna.Policy
}

// integers is the table of a lattice matrix.
var integers = func() *kernel.Table {
	var values [256]float32
	for i := range values {
		values[i] = float32(i - cdna.LatticeZero)
	}
	return kernel.NewTable(values[:])
}()

// OpenLattice opens the lattice file at path. Close the matrix after use.
func (e *Engine) OpenLattice(path string, o MatrixOptions) (*Lattice, error) {
	f, err := cdna.OpenLattice(path)
	if err != nil {
		return nil, err
	}
	m, err := e.NewLattice(f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// NewLattice returns the matrix in an open lattice file, as New does; of the options, it has no use for a sidecar's.
func (e *Engine) NewLattice(f *cdna.Lattice, o MatrixOptions) (*Lattice, error) {
	verify, err := checkPolicy(o.Verify)
	if err != nil {
		return nil, err
	}
	escapes, err := newEscapes(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	closeFile := f.Close
	if e.budget != nil {
		f = f.Uncached()
	}
	return &Lattice{
		indexed: indexed{
			blocks: blocks{
				engine: e, file: &f.Blocks, verifier: cdna.NewVerifier(verify, f.NumBlocks(), o.Seed),
				formed: make([]atomic.Uint64, (f.NumBlocks()+63)/64),
			},
			layout: LatticeLayout(f), table: integers, close: closeFile,
			scales: &scales{column: columnsOf(f), row: f.RowScale()}, corrections: escapes,
		},
		lattice: f, policy: verify,
	}, nil
}

// columnsOf returns a matrix's columns, by place in a row of codes.
func columnsOf(f *cdna.Lattice) *kernel.Columns {
	order, scale := f.Order(), f.ColumnScale()
	steps := make([]float32, len(order))
	for place, column := range order {
		steps[place] = scale[column]
	}
	return kernel.NewColumns(order, steps)
}

// Describe implements [Matrix].
func (m *Lattice) Describe() Description {
	h := m.lattice.Header()
	return Description{
		Format: FormatLattice, Tensor: h.TensorName, Path: m.lattice.Name(), Codec: h.Encoding, Verify: m.policy,
		Sidecar: noSidecar, Canon: m.engine.canon, Kernels: m.engine.CPU(),
	}
}

// Floats implements [Matrix]: the weights are those of cdna.Lattice.ReadFloat32.
func (m *Lattice) Floats(ctx context.Context, dst []float32, a, b int) error {
	return m.eachPart(ctx, len(dst), a, b, func(at int, codes []byte) {
		m.lattice.Decode(dst[at:][:len(codes)], codes, a+at/m.Cols())
	})
}

// Load makes the matrix resident: it reads every block once, checks its hash
// whatever the policy, unless that is cdna.Off, and keeps the codes in as many bits as those around them need. Products no
// longer touch the file then. Loading a resident matrix does nothing. Errors are ErrBudget, those of package cdna and the
// context's; the matrix stays streamed. Codes that take more than the file says are cdna.ErrCorrupt.
func (m *Lattice) Load(ctx context.Context) error {
	return m.engine.loadLattices(ctx, []*Lattice{m})
}

// tileStore keeps each tile of codes in the bits that it needs.
type tileStore struct {
	*tiles.Matrix
	by tiles.Coder
}

func (s *tileStore) pack(first, _ int, indices []byte) error { return s.Pack(first, indices, s.by) }

func (s *tileStore) unpack(indices []byte, first int) { s.Unpack(indices, first) }

func (s *tileStore) dot(k *kernel.Kernels, y []float32, ldy int, x *kernel.Activations, t *kernel.Table, first, rows int) {
	k.DotRowsTiles(y, ldy, x, t, s.Matrix, first, rows)
}

// dotIntegers multiplies rows from first on in the integer canon.
func (s *tileStore) dotIntegers(k *kernel.Kernels, y []float32, ldy int, x *kernel.QuantizedActivations, first, rows int) {
	k.DotIntegersTiles(y, ldy, x, s.Matrix, first, rows)
}

func (s *tileStore) accumulate(k *kernel.Kernels, y []float32, ldy int, x []float32, ldx, batch int, t *kernel.Table, first, rows, column, cols int) {
	k.AccumulateColumnsTiles(y, ldy, x, ldx, batch, t, s.Matrix, first, rows, column, cols)
}
