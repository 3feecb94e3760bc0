package gguf

import "encoding/binary"

// The K types: 256 elements in 8 or 16 groups, each with its own scale (and
// minimum), themselves quantized by a scale (and minimum) f16 of the block.

// decodeQ2_K: 16 scales (low nibble) and minima (high), 256 pairs of bits, two
// f16. A byte holds elements 32 apart; groups of 16.
func decodeQ2_K(y []float32, b []byte) {
	scales, d, dmin := (*[16]byte)(b), half(b[80:]), half(b[82:])
	for group, s := range scales {
		run, plane, side := group/8, group/2%4, group%2
		scale, minimum := d*float32(s&15), dmin*float32(s>>4)
		q := (*[16]byte)(b[16+32*run+16*side:])
		out := (*[16]float32)(y[16*group:])
		for i := range out {
			out[i] = float32(scale*float32(q[i]>>(2*plane)&3)) - minimum
		}
	}
}

// decodeQ3_K: 256 high bits (0 takes 4 away), 256 pairs of bits, 16 scales of 6
// bits biased by 32, f16. A byte of pairs holds elements 32 apart, one of high bits
// too.
func decodeQ3_K(y []float32, b []byte) {
	packed, d := (*[12]byte)(b[96:]), half(b[108:])
	for group := range 16 {
		run, plane, side := group/8, group/2%4, group%2
		// Low nibbles: 8 bytes for groups 0-7, then their high nibbles for 8-15. High
		// pairs: a byte has those of groups 4 apart.
		s := packed[group%8]>>(4*(group/8))&15 | packed[8+group%4]>>(2*(group/4))&3<<4
		scale := d * float32(int32(s)-32)
		high, q := (*[16]byte)(b[16*side:]), (*[16]byte)(b[32+32*run+16*side:])
		out := (*[16]float32)(y[16*group:])
		for i := range out {
			out[i] = scale * float32(int32(q[i]>>(2*plane)&3|high[i]>>(group/2)&1<<2)-4)
		}
	}
}

// decodeQ4_K: two f16, 8 scales and minima of 6 bits, 256 nibbles in runs of 32
// bytes for two groups of 32.
func decodeQ4_K(y []float32, b []byte) {
	var scales, minima [8]float32
	scalesK(&scales, &minima, b)
	for pair := range 4 {
		q := (*[32]byte)(b[16+32*pair:])
		low, high := (*[32]float32)(y[64*pair:]), (*[32]float32)(y[64*pair+32:])
		s0, m0, s1, m1 := scales[2*pair], minima[2*pair], scales[2*pair+1], minima[2*pair+1]
		for i := range q {
			low[i] = float32(s0*float32(int32(q[i]&15))) - m0
			high[i] = float32(s1*float32(int32(q[i]>>4))) - m1
		}
	}
}

// decodeQ5_K: as Q4_K, with 32 bytes of fifth bits, a bit for each group, before
// the nibbles.
func decodeQ5_K(y []float32, b []byte) {
	var scales, minima [8]float32
	scalesK(&scales, &minima, b)
	fifth := (*[32]byte)(b[16:])
	for pair := range 4 {
		q := (*[32]byte)(b[48+32*pair:])
		low, high := (*[32]float32)(y[64*pair:]), (*[32]float32)(y[64*pair+32:])
		s0, m0, s1, m1 := scales[2*pair], minima[2*pair], scales[2*pair+1], minima[2*pair+1]
		for i := range q {
			f := fifth[i] >> (2 * pair)
			low[i] = float32(s0*float32(int32(q[i]&15|f&1<<4))) - m0
			high[i] = float32(s1*float32(int32(q[i]>>4|f&2<<3))) - m1
		}
	}
}

// scalesK unpacks the head of Q4_K and Q5_K: d and dmin f16, then 12 bytes: the
// low 6 bits of the first four are scales 0-3, of the next four minima 0-3; the
// last four hold the low nibbles of scales (low) and minima (high) 4-7, whose high
// pairs are atop the first eight.
func scalesK(scales, minima *[8]float32, b []byte) {
	d, dmin := half(b), half(b[2:])
	first := binary.LittleEndian.Uint32(b[4:])
	second := binary.LittleEndian.Uint32(b[8:])
	third := binary.LittleEndian.Uint32(b[12:])
	for i := range 4 {
		shift := 8 * i
		scales[i] = d * float32(first>>shift&63)
		minima[i] = dmin * float32(second>>shift&63)
		scales[i+4] = d * float32(third>>shift&15|first>>shift>>6&3<<4)
		minima[i+4] = dmin * float32(third>>shift>>4&15|second>>shift>>6&3<<4)
	}
}

// decodeQ6_K: 256 nibbles, 256 pairs of bits above them, 16 scales int8, f16;
// biased by 32. In each half, 64 bytes of nibbles hold elements 64 apart, 32 bytes
// of pairs elements 32 apart; groups of 16.
func decodeQ6_K(y []float32, b []byte) {
	d := half(b[208:])
	for run := range 2 {
		low, high := (*[64]byte)(b[64*run:]), (*[32]byte)(b[128+32*run:])
		for side := range 2 {
			scale := func(plane int) float32 { return d * float32(int8(b[192+8*run+2*plane+side])) }
			s0, s1, s2, s3 := scale(0), scale(1), scale(2), scale(3)
			start := 16 * side
			out := (*[112]float32)(y[128*run+start:])
			l0, l1, h := (*[16]byte)(low[start:]), (*[16]byte)(low[32+start:]), (*[16]byte)(high[start:])
			for i := range h {
				out[i] = s0 * float32(int32(l0[i]&15|h[i]<<4&48)-32)
				out[i+32] = s1 * float32(int32(l1[i]&15|h[i]<<2&48)-32)
				out[i+64] = s2 * float32(int32(l0[i]>>4|h[i]&48)-32)
				out[i+96] = s3 * float32(int32(l1[i]>>4|h[i]>>2&48)-32)
			}
		}
	}
}
