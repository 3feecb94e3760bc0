package se

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// Errors of this package, wrapped with the place.
var (
	// ErrNonFinite reports NaN or an infinity among the weights.
	ErrNonFinite = errors.New("weight is not finite")
	// ErrShape reports a matrix of a negative size or with too many rows or columns, or a
	// sidecar that is not the matrix's.
	ErrShape = matrix.ErrShape
	// ErrOption reports options or a policy that make no sense.
	ErrOption = route.ErrOption
)

// Unfold returns the matrix that Structural Entropy sees in a tensor, its mode-1 unfolding:
// [n] is [n, 1], more than two dimensions are [first, all others]; a scalar is [1, 1]. (A
// tensor is stored as another matrix: model.MatrixShape.)
func Unfold(shape []int) (rows, cols int) {
	if len(shape) == 0 {
		return 1, 1
	}
	cols = 1
	for _, d := range shape[1:] {
		cols *= d
	}
	return shape[0], cols
}

// Unfolded returns what Structural Entropy sees in a tensor of this shape that is stored as
// the matrix m, of as many weights. ErrShape, if rows of m would have to be cut.
func Unfolded(m matrix.Source, shape []int) (matrix.Source, error) {
	rows, cols := Unfold(shape)
	switch {
	case rows == m.Rows() && cols == m.Cols():
		return m, nil
	case rows == 0 || m.Rows()%rows != 0 || m.Rows()/rows*m.Cols() != cols:
		return nil, fmt.Errorf("%d × %d weights stored for a tensor %v: %w", m.Rows(), m.Cols(), shape, ErrShape)
	}
	return unfolded{m, rows, m.Rows() / rows}, nil
}

// unfolded has each rows of a matrix in one.
type unfolded struct {
	matrix.Source
	rows, each int
}

func (u unfolded) Rows() int { return u.rows }
func (u unfolded) Cols() int { return u.each * u.Source.Cols() }

func (u unfolded) ReadRows(ctx context.Context, dst []float32, a, b int) error {
	return u.Source.ReadRows(ctx, dst, a*u.each, b*u.each)
}
