package gguf

import (
	"encoding/binary"
	"math"
)

// Types whose nibbles stand for the entries of a fixed table.

// table4 maps a nibble to a value.
type table4 = [16]float32

// nonlinear4 is the table of IQ4_NL and IQ4_XS.
var nonlinear4 = table4{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// float4 holds the FP4 numbers (E2M1) doubled, which makes them whole. Minus zero
// reads as zero.
var float4 = table4{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// lookUp4 writes d times the entries of 16 low nibbles, then of the high ones.
func lookUp4(y []float32, q []byte, d float32, table *table4) {
	low, high, nibbles := (*[16]float32)(y), (*[16]float32)(y[16:]), (*[16]byte)(q)
	for i, c := range nibbles {
		low[i] = d * table[c&15]
		high[i] = d * table[c>>4]
	}
}

// decodeIQ4NL: scale f16, 32 nibbles.
func decodeIQ4NL(y []float32, b []byte) { lookUp4(y, b[2:], half(b), &nonlinear4) }

// decodeIQ4XS: f16, 8 scales of 6 bits biased by 32 (high pairs in a u16, low
// nibbles in 4 bytes), 256 nibbles in groups of 32.
func decodeIQ4XS(y []float32, b []byte) {
	d, high := half(b), binary.LittleEndian.Uint16(b[2:])
	for group := range 8 {
		low := b[4+group/2] >> (4 * (group % 2)) & 15
		scale := int32(low) | int32(high>>(2*group)&3)<<4 - 32
		lookUp4(y[32*group:], b[8+16*group:], d*float32(scale), &nonlinear4)
	}
}

// decodeMXFP4: scale E8M0, 32 FP4 numbers. (OCP Microscaling Formats 1.0.)
func decodeMXFP4(y []float32, b []byte) { lookUp4(y, b[1:], halfE8M0(b[0]), &float4) }

// halfE8M0 is 2^(e-128), half an E8M0 scale because the table is doubled.
func halfE8M0(e byte) float32 {
	if e < 2 { // subnormal
		return math.Float32frombits(0x00200000 << e)
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

// decodeNVFP4: 4 scales UE4M3 for groups of 16, 64 FP4 numbers in runs of 8 bytes
// whose low nibbles come first.
func decodeNVFP4(y []float32, b []byte) {
	for group := range 4 {
		d := halfUE4M3(b[group])
		out, q := (*[16]float32)(y[16*group:]), (*[8]byte)(b[4+8*group:])
		for i, c := range q {
			out[i] = d * float4[c&15]
			out[i+8] = d * float4[c>>4]
		}
	}
}

// halfUE4M3 is half an unsigned E4M3 scale (bias 7); what would be NaN is 0.
func halfUE4M3(e byte) float32 {
	if e == 0x7f {
		return 0
	}
	e &= 0x7f
	if e < 8 { // subnormal
		return float32(e) * 0x1p-10
	}
	return math.Float32frombits(uint32(e)<<20 + 119<<23)
}
