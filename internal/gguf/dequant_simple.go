package gguf

import (
	"encoding/binary"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// Each function of this and the next files decodes one block b into y. Every
// product below has at most 24 significant bits, so that it is exact in float32:
// the only rounding is that of an added minimum, in whatever order it is done.

// half reads the float16 at the start of b.
func half(b []byte) float32 { return dtype.FromF16(binary.LittleEndian.Uint16(b)) }

// decodeQ8_0: scale f16, 32 signed bytes.
func decodeQ8_0(y []float32, b []byte) {
	out, q, d := (*[32]float32)(y), (*[32]byte)(b[2:]), half(b)
	for i := range out {
		out[i] = d * float32(int8(q[i]))
	}
}

// decodeQ4_0: scale f16, 32 nibbles biased by 8; the low ones come first.
func decodeQ4_0(y []float32, b []byte) {
	low, high := (*[16]float32)(y), (*[16]float32)(y[16:])
	q, d := (*[16]byte)(b[2:]), half(b)
	for i := range q {
		low[i] = d * float32(int32(q[i]&15)-8)
		high[i] = d * float32(int32(q[i]>>4)-8)
	}
}

// decodeQ4_1: scale and minimum f16, 32 nibbles.
func decodeQ4_1(y []float32, b []byte) {
	low, high := (*[16]float32)(y), (*[16]float32)(y[16:])
	q, d, m := (*[16]byte)(b[4:]), half(b), half(b[2:])
	for i := range q {
		low[i] = float32(d*float32(int32(q[i]&15))) + m
		high[i] = float32(d*float32(int32(q[i]>>4))) + m
	}
}

// decodeQ5_0: scale f16, the 32 fifth bits, 32 nibbles; biased by 16.
func decodeQ5_0(y []float32, b []byte) {
	low, high := (*[16]float32)(y), (*[16]float32)(y[16:])
	q, d, fifth := (*[16]byte)(b[6:]), half(b), binary.LittleEndian.Uint32(b[2:])
	for i := range q {
		low[i] = d * float32(int32(uint32(q[i]&15)|fifth<<4&16)-16)
		high[i] = d * float32(int32(uint32(q[i]>>4)|fifth>>12&16)-16)
		fifth >>= 1
	}
}

// decodeQ5_1: scale and minimum f16, the 32 fifth bits, 32 nibbles.
func decodeQ5_1(y []float32, b []byte) {
	low, high := (*[16]float32)(y), (*[16]float32)(y[16:])
	q, d, m, fifth := (*[16]byte)(b[8:]), half(b), half(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i := range q {
		low[i] = float32(d*float32(int32(uint32(q[i]&15)|fifth<<4&16))) + m
		high[i] = float32(d*float32(int32(uint32(q[i]>>4)|fifth>>12&16))) + m
		fifth >>= 1
	}
}

// decodeQ1_0: scale f16, 128 bits: plus or minus the scale.
func decodeQ1_0(y []float32, b []byte) {
	out, q, d := (*[128]float32)(y), (*[16]byte)(b[2:]), half(b)
	values := [2]float32{-d, d}
	for i := range out {
		out[i] = values[q[i/8]>>(i%8)&1]
	}
}

// decodeQ2_0: scale f16, 64 pairs of bits: -1, 0, 1, 2.
func decodeQ2_0(y []float32, b []byte) {
	out, q, d := (*[64]float32)(y), (*[16]byte)(b[2:]), half(b)
	values := [4]float32{-d, 0 * d, d, 2 * d}
	for i := range out {
		out[i] = values[q[i/4]>>(2*(i%4))&3]
	}
}

// decodeTQ2_0: 256 pairs of bits, scale f16. A byte holds elements 32 apart.
func decodeTQ2_0(y []float32, b []byte) {
	q, d := (*[64]byte)(b), half(b[64:])
	values := [4]float32{-d, 0 * d, d, 2 * d}
	for group := range 2 {
		for plane := range 4 {
			out := (*[32]float32)(y[128*group+32*plane:])
			for i := range out {
				out[i] = values[q[32*group+i]>>(2*plane)&3]
			}
		}
	}
}

// decodeTQ1_0: 256 digits to base 3 (-1, 0, 1), five to a byte (the last four
// bytes hold four), scale f16. A byte is a fraction of 256, its first digit the
// highest: multiplied by 3, the digit is what exceeds the byte. Bytes are taken in
// runs of 32, 16 and 4, each run giving its first digits, then its second, ….
func decodeTQ1_0(y []float32, b []byte) {
	d := half(b[52:])
	values := [3]float32{-d, 0 * d, d}
	for _, run := range [...]struct{ start, bytes, digits int }{{0, 32, 5}, {32, 16, 5}, {48, 4, 4}} {
		power := uint8(1)
		for range run.digits {
			for i, q := range b[run.start : run.start+run.bytes] {
				y[i] = values[uint16(q*power)*3>>8]
			}
			y = y[run.bytes:]
			power *= 3
		}
	}
}
