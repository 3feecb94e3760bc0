// Package matrix is how weights are handed from one package to the next: as a matrix of
// float32 that is read by rows, wherever they lie and however they are stored.
package matrix

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// ErrShape reports a shape that is negative, empty where it must not be, or too large, and another number of values
// than it has: of matrices, and of files that hold them.
var ErrShape = errors.New("bad shape")

// Source is a matrix that can be read by rows, more than once. ReadRows must
// be safe for concurrent use.
type Source interface {
	Rows() int
	Cols() int
	// ReadRows writes rows [a, b) to dst, which has length (b−a)·Cols, row-major.
	ReadRows(ctx context.Context, dst []float32, a, b int) error
}

// Floats is what tensors have in common: float32 values from an offset.
type Floats interface {
	ReadFloat32(ctx context.Context, dst []float32, offset int) error
}

// Of returns the matrix [rows, cols] whose row-major elements are those of t.
func Of(t Floats, rows, cols int) Source { return tensor{t, rows, cols} }

type tensor struct {
	Floats
	rows, cols int
}

func (t tensor) Rows() int { return t.rows }
func (t tensor) Cols() int { return t.cols }

func (t tensor) ReadRows(ctx context.Context, dst []float32, a, b int) error {
	return t.ReadFloat32(ctx, dst[:(b-a)*t.cols], a*t.cols)
}

// Slice is a matrix in memory, row-major.
type Slice struct {
	weights    []float32
	rows, cols int
}

// NewSlice returns the matrix [rows, cols] of weights, which it keeps; ErrShape if
// their number is another.
func NewSlice(weights []float32, rows, cols int) (Slice, error) {
	if rows < 0 || cols < 0 || (cols > 0 && rows > math.MaxInt/cols) || len(weights) != rows*cols {
		return Slice{}, fmt.Errorf("%d weights for %d × %d: %w", len(weights), rows, cols, ErrShape)
	}
	return Slice{weights, rows, cols}, nil
}

// Rows returns the number of rows.
func (s Slice) Rows() int { return s.rows }

// Cols returns the number of columns.
func (s Slice) Cols() int { return s.cols }

// ReadRows copies rows [a, b) to dst.
func (s Slice) ReadRows(_ context.Context, dst []float32, a, b int) error {
	copy(dst, s.weights[a*s.cols:b*s.cols])
	return nil
}
