package convert

import "fmt"

// RowSource is a matrix that can be read by rows, more than once. ReadRows must
// be safe for concurrent use.
type RowSource interface {
	Rows() int
	Cols() int
	// ReadRows writes rows [a, b) to dst, which has length (b−a)·Cols.
	ReadRows(dst []float32, a, b int) error
}

// Floats is what tensors on disk have in common: float32 values from an offset.
type Floats interface {
	ReadFloat32(dst []float32, offset int) error
}

// tensorRows reads a tensor on disk as a matrix.
type tensorRows struct {
	tensor     Floats
	rows, cols int
}

// Rows returns the matrix [rows, cols] whose row-major elements are those of t,
// a .npy or safetensors tensor.
func Rows(t Floats, rows, cols int) RowSource {
	return tensorRows{t, rows, cols}
}

func (t tensorRows) Rows() int { return t.rows }
func (t tensorRows) Cols() int { return t.cols }

func (t tensorRows) ReadRows(dst []float32, a, b int) error {
	return t.tensor.ReadFloat32(dst[:(b-a)*t.cols], a*t.cols)
}

// Slice is a matrix in memory.
type Slice struct {
	weights    []float32
	rows, cols int
}

// NewSlice returns the matrix with cols columns whose row-major elements are
// weights, which it keeps. Their number must be a multiple of cols (ErrOption).
func NewSlice(weights []float32, cols int) (Slice, error) {
	if cols < 1 || len(weights)%cols != 0 {
		return Slice{}, fmt.Errorf("%d weights in rows of %d: %w", len(weights), cols, ErrOption)
	}
	return Slice{weights, len(weights) / cols, cols}, nil
}

// Rows returns the number of rows.
func (s Slice) Rows() int { return s.rows }

// Cols returns the number of columns.
func (s Slice) Cols() int { return s.cols }

// ReadRows copies rows [a, b) to dst.
func (s Slice) ReadRows(dst []float32, a, b int) error {
	copy(dst, s.weights[a*s.cols:b*s.cols])
	return nil
}
