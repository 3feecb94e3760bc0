package stream

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// IndexedFile is an open file of a matrix of index bytes: *cdna.File or *cdna.Lattice.
type IndexedFile interface {
	Base() *cdna.Blocks
	Note() string
	Fingerprint(ctx context.Context) (string, error)
	Close() error
}

// IndexedMatrix is the matrix in an IndexedFile: *[Quantized] or *[Lattice]. Tensors are multiplied by it from either side.
type IndexedMatrix interface {
	Matrix
	MatMul(ctx context.Context, x Tensor) (Tensor, Stats, error)           // X @ W
	MatMulTransposed(ctx context.Context, x Tensor) (Tensor, Stats, error) // X @ Wᵀ
}

var _ = []IndexedMatrix{(*Quantized)(nil), (*Lattice)(nil)}

// OpenIndexed opens the CDNA or lattice file at path, told apart by its first bytes.
func OpenIndexed(ctx context.Context, path string) (IndexedFile, error) {
	kind, err := cdna.DetectFile(path)
	if err == nil && kind == cdna.KindLattice {
		f, err := cdna.OpenLattice(path)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	f, err := cdna.OpenContext(ctx, path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// IndexedLayout returns the layout of the matrix in a file.
func IndexedLayout(f IndexedFile) Layout {
	if f, ok := f.(*cdna.Lattice); ok {
		return LatticeLayout(f)
	}
	return QuantizedLayout(f.(*cdna.File))
}

// NewIndexed returns the matrix in an open file, as New and NewLattice do. A lattice matrix has no sidecar: one is
// cdna.ErrSidecar.
func (e *Engine) NewIndexed(f IndexedFile, o MatrixOptions) (IndexedMatrix, error) {
	if f, ok := f.(*cdna.Lattice); ok {
		if o.Sidecar != nil {
			return nil, fmt.Errorf("%s: %w: it is a lattice matrix, which has its outliers inside", f.Name(), cdna.ErrSidecar)
		}
		return e.NewLattice(f, o)
	}
	return e.New(f.(*cdna.File), o)
}

// OpenIndexed opens the file at path and returns its matrix. Close that after use.
func (e *Engine) OpenIndexed(ctx context.Context, path string, o MatrixOptions) (IndexedMatrix, error) {
	f, err := OpenIndexed(ctx, path)
	if err != nil {
		return nil, err
	}
	m, err := e.NewIndexed(f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}
