package se

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// Errors of this package, wrapped with the place.
var (
	// ErrNonFinite reports NaN or an infinity among the weights.
	ErrNonFinite = errors.New("weight is not finite")
	// ErrShape reports a matrix of a negative size or with too many rows or columns, or a
	// sidecar that is not the matrix's.
	ErrShape = errors.New("bad shape")
	// ErrOption reports options or a policy that make no sense.
	ErrOption = errors.New("invalid option")
)

// RowSource is a matrix that can be read by rows, more than once. ReadRows must
// be safe for concurrent use.
type RowSource interface {
	Rows() int
	Cols() int
	// ReadRows writes rows [a, b) to dst, which has length (b−a)·Cols, row-major.
	ReadRows(dst []float32, a, b int) error
}

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
func Unfolded(m RowSource, shape []int) (RowSource, error) {
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
	RowSource
	rows, each int
}

func (u unfolded) Rows() int { return u.rows }
func (u unfolded) Cols() int { return u.each * u.RowSource.Cols() }

func (u unfolded) ReadRows(dst []float32, a, b int) error {
	return u.RowSource.ReadRows(dst, a*u.each, b*u.each)
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
func (s Slice) ReadRows(dst []float32, a, b int) error {
	copy(dst, s.weights[a*s.cols:b*s.cols])
	return nil
}

// Compressed is the matrix in a CDNA file, outliers included. Blocks are unpacked
// as they are read and each is checked the first time.
type Compressed struct {
	file    *cdna.File
	sidecar *cdna.Sidecar
	verify  *cdna.Verifier
	values  [256]float32
	indices sync.Pool // of *[]byte
}

// NewCompressed returns the matrix in f with the outliers of s in their places,
// unless s is nil. Both stay the caller's. A sidecar of another file is cdna.ErrSidecar.
func NewCompressed(f *cdna.File, s *cdna.Sidecar) (*Compressed, error) {
	if s != nil {
		if err := f.CheckSidecar(s); err != nil {
			return nil, err
		}
	}
	verify := cdna.NewVerifier(cdna.TrustCached, f.NumBlocks(), 0)
	return &Compressed{file: f, sidecar: s, verify: verify, values: f.Codebook()}, nil
}

// Rows returns the number of rows.
func (c *Compressed) Rows() int { return c.file.Rows() }

// Cols returns the number of columns.
func (c *Compressed) Cols() int { return c.file.Cols() }

// ReadRows unpacks rows [a, b) to dst. The errors are those of package cdna.
func (c *Compressed) ReadRows(dst []float32, a, b int) error {
	n := (b - a) * c.Cols()
	buffer, _ := c.indices.Get().(*[]byte)
	if buffer == nil || cap(*buffer) < n {
		buffer = new(make([]byte, n))
	}
	defer c.indices.Put(buffer)
	indices := (*buffer)[:n]
	if err := c.file.ReadRows(indices, a, b, c.verify); err != nil {
		return err
	}
	dst = dst[:n]
	for i, index := range indices {
		dst[i] = c.values[index]
	}
	if c.sidecar != nil {
		c.sidecar.Apply(dst, uint64(a)*uint64(c.Cols()))
	}
	return nil
}
