package codec

import (
	"encoding/binary"
	"slices"
)

// bitWriter appends bits to a slice, the first to the lowest bit of each byte.
type bitWriter struct {
	out []byte
	acc uint64
	n   uint // bits in acc, at most 7 between calls
}

// add appends the low n bits of v, n at most 32; v has no others set.
func (w *bitWriter) add(v uint64, n uint) {
	w.acc |= v << w.n
	w.n += n
	for ; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

// align fills the last byte with zeros.
func (w *bitWriter) align() {
	if w.n > 0 {
		w.add(0, 8-w.n)
	}
}

// addCodes appends the code, of at most maxBrotliBits, of every byte of src.
func (w *bitWriter) addCodes(src []byte, codes *[256]code) {
	// Room for every code and the last 8-byte store.
	start := len(w.out)
	w.out = slices.Grow(w.out, (len(src)*maxBrotliBits+7)/8+16)
	out := w.out[start:cap(w.out)]
	acc, n, pos := w.acc, w.n, 0
	i := 0
	for ; i+4 <= len(src); i += 4 { // 7 + 4*14 bits fit
		s := src[i : i+4 : i+4]
		c0, c1, c2, c3 := codes[s[0]], codes[s[1]], codes[s[2]], codes[s[3]]
		b1 := uint(c0.bits)
		b2 := b1 + uint(c1.bits)
		b3 := b2 + uint(c2.bits)
		four := uint64(c0.value) | uint64(c1.value)<<(b1&63) |
			uint64(c2.value)<<(b2&63) | uint64(c3.value)<<(b3&63)
		acc |= four << (n & 63)
		n += b3 + uint(c3.bits)
		binary.LittleEndian.PutUint64(out[pos:], acc)
		pos += int(n >> 3)
		acc >>= n & 56
		n &= 7
	}
	w.out, w.acc, w.n = w.out[:start+pos], acc, n
	for ; i < len(src); i++ {
		c := codes[src[i]]
		w.add(uint64(c.value), uint(c.bits))
	}
}
