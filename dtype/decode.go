package dtype

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Decode converts len(dst) little-endian elements of type t at the start of src.
// It panics if t is unknown or src is shorter than len(dst)*t.Size().
func Decode(dst []float32, src []byte, t Type) {
	src = src[:len(dst)*t.Size()]
	switch t {
	case F32:
		decodeF32(dst, src)
	case BF16:
		decodeBF16(dst, src)
	case F16:
		decodeF16(dst, src)
	case F8E4M3:
		decode8(dst, src, f8E4M3)
	case F8E5M2:
		decode8(dst, src, f8E5M2)
	case F8E8M0:
		decode8(dst, src, f8E8M0)
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	case I64:
		for i := range dst {
			dst[i] = float32(int64(binary.LittleEndian.Uint64(src[8*i:])))
		}
	case U64:
		for i := range dst {
			dst[i] = float32(binary.LittleEndian.Uint64(src[8*i:]))
		}
	case I32:
		for i := range dst {
			dst[i] = float32(int32(binary.LittleEndian.Uint32(src[4*i:])))
		}
	case U32:
		for i := range dst {
			dst[i] = float32(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case I16:
		for i := range dst {
			dst[i] = float32(int16(binary.LittleEndian.Uint16(src[2*i:])))
		}
	case U16:
		for i := range dst {
			dst[i] = float32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case I8:
		for i, b := range src {
			dst[i] = float32(int8(b))
		}
	case U8:
		for i, b := range src {
			dst[i] = float32(b)
		}
	case Bool:
		for i, b := range src {
			dst[i] = 0
			if b != 0 {
				dst[i] = 1
			}
		}
	default:
		panic(fmt.Sprintf("dtype: unknown type %q", string(t)))
	}
}

// The loops below take eight bytes at a time, in groups whose lengths the
// compiler can see, so that nothing in them is checked again.

func decodeF32(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 16 {
		a := binary.LittleEndian.Uint64(src)
		b := binary.LittleEndian.Uint64(src[8:])
		dst[0] = math.Float32frombits(uint32(a))
		dst[1] = math.Float32frombits(uint32(a >> 32))
		dst[2] = math.Float32frombits(uint32(b))
		dst[3] = math.Float32frombits(uint32(b >> 32))
		dst, src = dst[4:], src[16:]
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeBF16(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		a := binary.LittleEndian.Uint64(src)
		dst[0] = math.Float32frombits(uint32(a) << 16)
		dst[1] = math.Float32frombits(uint32(a) & 0xffff0000)
		dst[2] = math.Float32frombits(uint32(a>>32) << 16)
		dst[3] = math.Float32frombits(uint32(a>>32) & 0xffff0000)
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = FromBF16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func decodeF16(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		a := binary.LittleEndian.Uint64(src)
		low, high := normalF16(a&0xffffffff), normalF16(a>>32)
		dst[0] = math.Float32frombits(uint32(low))
		dst[1] = math.Float32frombits(uint32(low >> 32))
		dst[2] = math.Float32frombits(uint32(high))
		dst[3] = math.Float32frombits(uint32(high >> 32))
		if hasSpecialF16(a) {
			for i := range dst[:4] {
				dst[i] = FromF16(uint16(a >> (16 * i)))
			}
		}
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = FromF16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// normalF16 widens two normal halves, side by side in 32 bits, to two float32 in
// 64: FromF16's first case on both at once.
func normalF16(two uint64) uint64 {
	const both = 1<<32 | 1
	x := two&0xffff | two&0xffff0000<<16
	return x&(0x8000*both)<<16 | (x&(0x7fff*both)<<13 + 112<<23*both)
}

// hasSpecialF16 tells whether one of four halves is zero, subnormal, infinite or a
// NaN: whether its exponent is all zeros or all ones.
func hasSpecialF16(a uint64) bool {
	const exponents, one = 0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400
	e := a & exponents
	// Adding all ones carries into the sign unless e is 0; adding one does so only
	// if e is all ones. Nothing reaches the neighbour.
	return (^(e+exponents)|(e+one))&0x8000_8000_8000_8000 != 0
}

func decode8(dst []float32, src []byte, table *[256]float32) {
	for i, c := range src[:len(dst)] {
		dst[i] = table[c]
	}
}

// AppendF32 appends x to dst as little-endian float32, bit for bit.
func AppendF32(dst []byte, x []float32) []byte {
	for _, v := range x {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

// SwapBytes reverses the bytes of each element of size bytes, which turns
// big-endian into little-endian. It panics unless size is 1, 2, 4 or 8.
func SwapBytes(p []byte, size int) {
	switch size {
	case 1:
	case 2:
		for ; len(p) >= 2; p = p[2:] {
			binary.LittleEndian.PutUint16(p, binary.BigEndian.Uint16(p))
		}
	case 4:
		for ; len(p) >= 4; p = p[4:] {
			binary.LittleEndian.PutUint32(p, binary.BigEndian.Uint32(p))
		}
	case 8:
		for ; len(p) >= 8; p = p[8:] {
			binary.LittleEndian.PutUint64(p, binary.BigEndian.Uint64(p))
		}
	default:
		panic(fmt.Sprintf("dtype: no byte order for elements of %d bytes", size))
	}
}
