package gguf

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// AppendFloat32 appends x to dst as elements of type t: F32, F16, BF16 (rounded to
// nearest even), Q8_0 or Q4_0 (whole blocks of 32 finite values, quantized as
// ggml's reference does). Other types are ErrType, a part of a block is ErrShape.
func AppendFloat32(dst []byte, x []float32, t Type) ([]byte, error) {
	switch t {
	case F32:
		return dtype.AppendF32(dst, x), nil
	case F16:
		for _, v := range x {
			dst = binary.LittleEndian.AppendUint16(dst, dtype.ToF16(v))
		}
		return dst, nil
	case BF16:
		for _, v := range x {
			dst = binary.LittleEndian.AppendUint16(dst, dtype.ToBF16(v))
		}
		return dst, nil
	case Q8_0, Q4_0:
	default:
		return dst, fmt.Errorf("%w: %v is not written", ErrType, t)
	}
	if len(x)%32 != 0 {
		return dst, fmt.Errorf("%w: %d elements are no whole blocks of %v", ErrShape, len(x), t)
	}
	for ; len(x) > 0; x = x[32:] {
		if t == Q8_0 {
			dst = appendQ8_0(dst, x[:32])
		} else {
			dst = appendQ4_0(dst, x[:32])
		}
	}
	return dst, nil
}

// appendQ8_0 scales the largest magnitude of x to 127.
func appendQ8_0(dst []byte, x []float32) []byte {
	d := abs(largest(x)) / 127
	dst = binary.LittleEndian.AppendUint16(dst, dtype.ToF16(d))
	inverse := reciprocal(d)
	for _, v := range x {
		rounded := math.Round(float64(v * inverse)) // of the float32 product
		dst = append(dst, byte(int8(clamp(rounded, -127, 127))))
	}
	return dst
}

// appendQ4_0 scales the value of largest magnitude to -8, the end with more room.
func appendQ4_0(dst []byte, x []float32) []byte {
	d := largest(x) / -8
	dst = binary.LittleEndian.AppendUint16(dst, dtype.ToF16(d))
	inverse := reciprocal(d)
	nibble := func(v float32) byte { return byte(clamp(float64(float32(v*inverse)+8.5), 0, 15)) }
	for i := range 16 {
		dst = append(dst, nibble(x[i])|nibble(x[i+16])<<4)
	}
	return dst
}

// clamp makes sure that a conversion to an integer is defined; NaN becomes low.
func clamp(x, low, high float64) float64 {
	if !(x >= low) {
		return low
	}
	return min(x, high)
}

// largest returns the first value of largest magnitude.
func largest(x []float32) (m float32) {
	for _, v := range x {
		if abs(v) > abs(m) {
			m = v
		}
	}
	return m
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func reciprocal(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// Dequantize converts whole blocks at the start of src to float32, by the type's own decoder.
func Dequantize(dst []float32, src []byte, t Type) {
	l := t.layout()
	if l.plain != "" {
		dtype.Decode(dst, src, l.plain)
		return
	}
	for len(dst) > 0 {
		l.decode(dst[:l.block], src[:l.bytes])
		dst, src = dst[l.block:], src[l.bytes:]
	}
}
