// Package dtype turns stored numbers into float32.
//
// A Type names how one element is stored; the names are those of safetensors.
// Decode converts a run of little-endian elements; Array does so for elements in
// a file, window by window, through small pooled buffers. Conversions are exact
// where float32 can hold the value and otherwise round to nearest, ties to even,
// on every machine alike; values beyond the range of float32 become infinities, which
// Check finds beforehand.
package dtype

import "math"

// Type is how one element of a tensor is stored.
type Type string

// The types that can be decoded. F8_E4M3 is the "fn" variant (no infinities, NaN
// is 0x7f and 0xff, largest 448); F8_E5M2 follows IEEE 754; F8_E8M0 is a bare
// power of two, the scale of the OCP microscaling formats.
const (
	F64    Type = "F64"
	F32    Type = "F32"
	F16    Type = "F16"
	BF16   Type = "BF16"
	F8E4M3 Type = "F8_E4M3"
	F8E5M2 Type = "F8_E5M2"
	F8E8M0 Type = "F8_E8M0"
	I64    Type = "I64"
	I32    Type = "I32"
	I16    Type = "I16"
	I8     Type = "I8"
	U64    Type = "U64"
	U32    Type = "U32"
	U16    Type = "U16"
	U8     Type = "U8"
	Bool   Type = "BOOL"
)

// Size returns the bytes of one element, 0 for a type this package does not know.
func (t Type) Size() int {
	switch t {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case F8E4M3, F8E5M2, F8E8M0, I8, U8, Bool:
		return 1
	}
	return 0
}

// Count returns the number of elements of a shape (1 for the empty shape) and
// false if a dimension is negative or the bytes at elemSize each exceed an int.
func Count(shape []int, elemSize int) (n int, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt/d) {
			return 0, false
		}
		n *= d
	}
	return n, elemSize <= 0 || n <= math.MaxInt/elemSize
}
