package gguf

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// The types on grids: 256 elements in 8 groups of 32, each of 4 vectors of 8.

// signed returns x with its sign flipped if bit i of signs is set.
func signed(x float32, signs uint8, i int) float32 {
	return math.Float32frombits(math.Float32bits(x) ^ uint32(signs)>>i<<31)
}

// vector8 writes one vector: d times a grid point, with signs.
func vector8(y []float32, d float32, point *[8]int8, signs uint8) {
	out := (*[8]float32)(y)
	for i := range out {
		out[i] = signed(d*float32(point[i]), signs, i)
	}
}

// vector4x2 is vector8 of two grid points of 4.
func vector4x2(y []float32, d float32, first, second *[4]int8, signs uint8) {
	out := (*[8]float32)(y)
	for i := range 4 {
		out[i] = signed(d*float32(first[i]), signs, i)
		out[i+4] = signed(d*float32(second[i]), signs, i+4)
	}
}

// evenSigns completes 7 signs by an eighth that makes their number even.
func evenSigns(s uint32) uint8 {
	return uint8(s&127 | uint32(bits.OnesCount32(s&127)&1)<<7)
}

// decodeIQ2XXS: f16; for each group 4 indices and a u32 of 4 times 7 signs and a
// scale of 4 bits.
func decodeIQ2XXS(y []float32, b []byte) {
	d := half(b)
	for group := range 8 {
		index := b[2+8*group:]
		rest := binary.LittleEndian.Uint32(index[4:])
		scale := d * (0.5 + float32(rest>>28)) * 0.25
		for v := range 4 {
			vector8(y[32*group+8*v:], scale, &gridIQ2XXS[index[v]], evenSigns(rest>>(7*v)))
		}
	}
}

// decodeIQ2XS: f16; 32 u16 of 9 bits of index and 7 signs; 16 scales of 4 bits
// for 16 elements each.
func decodeIQ2XS(y []float32, b []byte) {
	d := half(b)
	for v := range 32 {
		code := binary.LittleEndian.Uint16(b[2+2*v:])
		scale := d * (0.5 + float32(b[66+v/4]>>(4*(v/2%2))&15)) * 0.25
		vector8(y[8*v:], scale, &gridIQ2XS[code&511], evenSigns(uint32(code>>9)))
	}
}

// decodeIQ2S: f16; 32 low bytes of indices; 32 bytes of signs; 32 pairs of high
// bits; 16 scales of 4 bits for 16 elements each.
func decodeIQ2S(y []float32, b []byte) {
	d := half(b)
	for v := range 32 {
		index := uint(b[2+v]) | uint(b[66+v/4])>>(2*(v%4))&3<<8
		scale := d * (0.5 + float32(b[74+v/4]>>(4*(v/2%2))&15)) * 0.25
		vector8(y[8*v:], scale, &gridIQ2S[index&1023], b[34+v])
	}
}

// decodeIQ3XXS: f16; 64 indices; for each group a u32 of 4 times 7 signs and a
// scale of 4 bits.
func decodeIQ3XXS(y []float32, b []byte) {
	d := half(b)
	for group := range 8 {
		index := b[2+8*group:]
		rest := binary.LittleEndian.Uint32(b[66+4*group:])
		scale := d * (0.5 + float32(rest>>28)) * 0.5
		for v := range 4 {
			vector4x2(y[32*group+8*v:], scale, &gridIQ3XXS[index[2*v]], &gridIQ3XXS[index[2*v+1]], evenSigns(rest>>(7*v)))
		}
	}
}

// decodeIQ3S: f16; 64 low bytes of indices; their 64 high bits; 32 bytes of signs;
// 8 scales of 4 bits.
func decodeIQ3S(y []float32, b []byte) {
	d := half(b)
	for group := range 8 {
		low, high := b[2+8*group:], uint(b[66+group])
		scale := d * float32(1+2*(b[106+group/2]>>(4*(group%2))&15))
		for v := range 4 {
			first := uint(low[2*v]) | high>>(2*v)&1<<8
			second := uint(low[2*v+1]) | high>>(2*v+1)&1<<8
			vector4x2(y[32*group+8*v:], scale, &gridIQ3S[first&511], &gridIQ3S[second&511], b[74+4*group+v])
		}
	}
}

// shifted8 writes one vector of the IQ1 types: d times a grid point moved by an
// eighth, down if negative.
func shifted8(y []float32, d float32, point *[8]int8, negative bool) {
	shift := float32(0.125)
	if negative {
		shift = -shift
	}
	out := (*[8]float32)(y)
	for i := range out {
		out[i] = d * (float32(point[i]) + shift)
	}
}

// decodeIQ1S: f16; 32 low bytes of indices; for each group a u16: 4 times 3 high
// bits, a scale of 3 bits, the sign of the shift.
func decodeIQ1S(y []float32, b []byte) {
	d := half(b)
	for group := range 8 {
		rest := uint(binary.LittleEndian.Uint16(b[34+2*group:]))
		scale := d * float32(2*(rest>>12&7)+1)
		for v := range 4 {
			index := uint(b[2+4*group+v]) | rest>>(3*v)&7<<8
			shifted8(y[32*group+8*v:], scale, &gridIQ1[index&2047], rest>>15 == 1)
		}
	}
}

// decodeIQ1M: 32 low bytes of indices; 32 nibbles of 3 high bits and the sign of
// the shift; 4 u16 of 4 scales of 3 bits, for 16 elements each, and in their high
// nibbles the f16, lowest first.
func decodeIQ1M(y []float32, b []byte) {
	var scales [4]uint16
	var f16 uint16
	for i := range scales {
		scales[i] = binary.LittleEndian.Uint16(b[48+2*i:])
		f16 |= scales[i] >> 12 << (4 * i)
	}
	d := dtype.FromF16(f16)
	for v := range 32 {
		scale := d * float32(2*(scales[v/8]>>(3*(v/2%4))&7)+1)
		rest := uint(b[32+v/2] >> (4 * (v % 2)))
		index := uint(b[v]) | rest&7<<8
		shifted8(y[8*v:], scale, &gridIQ1[index&2047], rest>>3&1 == 1)
	}
}
