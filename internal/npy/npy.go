// Package npy reads and writes NumPy's .npy files, one array each.
//
// Open checks the whole header against the file before anything is allocated;
// the array is then read as float32, in windows of any size:
//
//	r, err := npy.Open("x.npy")
//	if err != nil {
//		return err
//	}
//	defer r.Close()
//	row := make([]float32, cols)
//	err = r.ReadFloat32(ctx, row, 3*cols)
//
// ReadFloat32 reads a whole file, Create and Writer write float32. Format: numpy.lib.format, versions 1.0, 2.0 and 3.0.
package npy

import (
	"errors"

	"github.com/helix-substrate/helix-substrate/matrix"
)

// Errors of this package, wrapped with the file's name and the place.
var (
	// ErrFormat reports a file that is not .npy or a version of it that is unknown.
	ErrFormat = errors.New("not a supported .npy file")
	// ErrHeader reports a malformed header.
	ErrHeader = errors.New("bad .npy header")
	// ErrDType reports elements that are not plain numbers, or numbers that the
	// call cannot return without loss.
	ErrDType = errors.New("unsupported element type")
	// ErrShape reports a shape that is negative, overflows, or does not match the
	// data given.
	ErrShape = matrix.ErrShape
	// ErrSize reports a file shorter or longer than its header says.
	ErrSize = errors.New("file size does not match the header")
	// ErrFortran reports an array in column-major order that has more than two
	// dimensions.
	ErrFortran = errors.New("column-major order with more than two dimensions is not supported; save numpy.ascontiguousarray(a)")
)

// Header describes an array.
type Header struct {
	Descr   string // NumPy's type string, such as "<f4"
	Shape   []int  // empty for a scalar
	Fortran bool   // column-major: the first index changes fastest
}

const magic = "\x93NUMPY"
