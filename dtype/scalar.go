package dtype

import "math"

// F16 and BF16 hold the top bits of a float32, F16 with a narrower exponent.

// FromF16 widens an IEEE half. It is exact; NaNs keep sign and payload and
// become quiet.
func FromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	mag := uint32(h & 0x7fff)
	// Moving the fraction into place and rebiasing the exponent (15 to 127)
	// serves every normal number.
	if mag-0x0400 < 0x7800 {
		return math.Float32frombits(sign | (mag<<13 + 112<<23))
	}
	if mag < 0x0400 { // zero and subnormals: mag units of 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(mag)*0x1p-24))
	}
	bits := sign | mag<<13 | 0x7f800000
	if mag != 0x7c00 {
		bits |= 1 << 22
	}
	return math.Float32frombits(bits)
}

// ToF16 rounds to the nearest IEEE half, ties to even; beyond 65504 (from 65520
// on) it gives an infinity. NaNs stay NaNs.
func ToF16(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	mag := b & 0x7fffffff
	switch {
	case mag > 0x7f800000:
		return sign | 0x7e00 | uint16(mag>>13&0x3ff)
	case mag >= 143<<23: // 2^16 and above
		return sign | 0x7c00
	case mag < 113<<23: // below 2^-14: subnormal, in units of 2^-24
		// Adding 0.5 leaves exactly those units in the fraction, and the addition
		// rounds as wanted.
		return sign | uint16(math.Float32bits(math.Float32frombits(mag)+0.5)&0x7fff)
	}
	mag -= 112 << 23
	return sign | uint16((mag+0xfff+mag>>13&1)>>13)
}

// FromBF16 widens a bfloat16, bit for bit.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 rounds to the nearest bfloat16, ties to even. NaNs stay NaNs.
func ToBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// The 8-bit floats are looked up; 1 KiB a table.
var (
	f8E4M3 = table8(fromE4M3)
	f8E5M2 = table8(func(c uint8) float32 { return FromF16(uint16(c) << 8) })
	f8E8M0 = table8(fromE8M0)
)

func table8(f func(uint8) float32) *[256]float32 {
	t := new([256]float32)
	for i := range t {
		t[i] = f(uint8(i))
	}
	return t
}

func fromE4M3(c uint8) float32 {
	sign := uint32(c&0x80) << 24
	mag := uint32(c & 0x7f)
	switch {
	case mag == 0x7f:
		return math.Float32frombits(sign | 0x7fc00000)
	case mag < 8: // zero and subnormals: units of 2^-9
		return math.Float32frombits(sign | math.Float32bits(float32(mag)*0x1p-9))
	}
	return math.Float32frombits(sign | (mag<<20 + 120<<23)) // bias 7 to 127
}

func fromE8M0(c uint8) float32 {
	switch c {
	case 0:
		return 0x1p-127
	case 255:
		return math.Float32frombits(0x7fc00000)
	}
	return math.Float32frombits(uint32(c) << 23)
}
