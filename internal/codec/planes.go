package codec

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// planes packs the bytes of floating-point numbers: each element, an unsigned
// little-endian number of width bytes, is rotated left by one bit, which brings
// the exponent's bits together at the top and the sign to the bottom; then byte k
// of all elements makes plane k, and each plane is packed by itself. The
// exponents of weights take about 2.6 bits of 8; signs and low mantissa bits are
// noise, and such a plane is stored.
//
// The elements go in pieces of pieceElements, the last one shorter. A piece is
// its planes one after another, the lowest first, each of them
//
//	u32 LE length, then so many bytes
//
// A length equal to the number of elements says that the plane is stored; a
// shorter plane is in the form of the inner codec. Nothing can be longer.
type planes struct {
	inner   Codec
	width   int
	scratch *sync.Pool // *[]byte of width * pieceElements
}

// pieceElements is how many elements go together: planes that stay in a core's
// cache, and yet tables that weigh nothing.
const pieceElements = 64 << 10

// NewPlanes returns the codec for blocks of elements of 1, 2, 4 or 8 bytes, whose
// planes are packed by inner. Like all of this package it keeps to MaxRatio, if
// inner does. Encode fails if a block is no whole number of elements.
func NewPlanes(inner Codec, width int) Codec {
	return planes{inner, width, &sync.Pool{New: func() any {
		b := make([]byte, width*pieceElements)
		return &b
	}}}
}

func (c planes) Name() string { return c.inner.Name() }

func (c planes) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("planes", src); err != nil {
		return dst, err
	}
	if len(src)%c.width != 0 {
		return dst, fmt.Errorf("planes: %d bytes are no elements of %d: %w", len(src), c.width, ErrLength)
	}
	scratch := c.scratch.Get().(*[]byte)
	defer c.scratch.Put(scratch)
	for len(src) > 0 {
		n := min(len(src)/c.width, pieceElements)
		all := (*scratch)[:n*c.width]
		split(all, src[:len(all)], c.width)
		src = src[len(all):]
		for k := range c.width {
			var err error
			if dst, err = c.appendPlane(dst, all[k*n:(k+1)*n]); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// appendPlane appends a plane with its length, packed if that is worthwhile.
func (c planes) appendPlane(dst, plane []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst, err := c.inner.Encode(dst, plane)
	if err != nil {
		return dst, err
	}
	if !worthwhile(len(dst)-start-4, len(plane)) {
		dst = append(dst[:start+4], plane...)
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst, nil
}

func (c planes) Decode(dst, src []byte) error {
	if len(dst)%c.width != 0 {
		return corrupt("planes", "%d bytes are no elements of %d", len(dst), c.width)
	}
	scratch := c.scratch.Get().(*[]byte)
	defer c.scratch.Put(scratch)
	var plane [8][]byte
	for at := 0; at < len(dst); {
		n := min((len(dst)-at)/c.width, pieceElements)
		for k := range c.width {
			if len(src) < 4 {
				return corrupt("planes", "it ends before plane %d of the piece at byte %d", k, at)
			}
			length := int64(binary.LittleEndian.Uint32(src))
			src = src[4:]
			if length > int64(n) || length > int64(len(src)) {
				return corrupt("planes", "plane %d of the piece at byte %d: %d bytes for %d, %d are there", k, at, length, n, len(src))
			}
			packed := src[:length]
			src = src[length:]
			if plane[k] = packed; len(packed) == n {
				continue
			}
			plane[k] = (*scratch)[k*n : (k+1)*n]
			if err := c.inner.Decode(plane[k], packed); err != nil {
				return fmt.Errorf("plane %d of the piece at byte %d: %w", k, at, err)
			}
		}
		merge(dst[at:at+n*c.width], plane[:c.width])
		at += n * c.width
	}
	if len(src) > 0 {
		return corrupt("planes", "%d bytes too many", len(src))
	}
	return nil
}

// split writes the planes of the elements in src to dst, one after another.
func split(dst, src []byte, width int) {
	n := len(src) / width
	switch width {
	case 1:
		copy(dst, src)
	case 2:
		p0, p1 := dst[:n], dst[n:2*n]
		for i := range p0 {
			v := binary.LittleEndian.Uint16(src[2*i:])
			v = v<<1 | v>>15
			p0[i], p1[i] = byte(v), byte(v>>8)
		}
	case 4:
		p0, p1, p2, p3 := dst[:n], dst[n:2*n], dst[2*n:3*n], dst[3*n:4*n]
		for i := range p0 {
			v := binary.LittleEndian.Uint32(src[4*i:])
			v = v<<1 | v>>31
			p0[i], p1[i], p2[i], p3[i] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		}
	case 8:
		for i := range n {
			v := binary.LittleEndian.Uint64(src[8*i:])
			v = v<<1 | v>>63
			for k := range 8 {
				dst[k*n+i] = byte(v >> (8 * k))
			}
		}
	}
}

// merge is split's inverse. The planes of halves and singles are interleaved eight
// bytes at a time within a register.
func merge(dst []byte, plane [][]byte) {
	switch len(plane) {
	case 1:
		copy(dst, plane[0])
	case 2:
		merge2(dst, plane[0], plane[1])
	case 4:
		merge4(dst, plane[0], plane[1], plane[2], plane[3])
	case 8:
		for i := range plane[0] {
			var v uint64
			for k := range 8 {
				v |= uint64(plane[k][i]) << (8 * k)
			}
			binary.LittleEndian.PutUint64(dst[8*i:], v>>1|v<<63)
		}
	}
}

func merge2(dst, p0, p1 []byte) {
	for len(p0) >= 8 && len(p1) >= 8 && len(dst) >= 16 {
		a, b := binary.LittleEndian.Uint64(p0), binary.LittleEndian.Uint64(p1)
		binary.LittleEndian.PutUint64(dst, halves(a, b))
		binary.LittleEndian.PutUint64(dst[8:], halves(a>>32, b>>32))
		p0, p1, dst = p0[8:], p1[8:], dst[16:]
	}
	for i := range p0 {
		v := uint16(p0[i]) | uint16(p1[i])<<8
		binary.LittleEndian.PutUint16(dst[2*i:], v>>1|v<<15)
	}
}

// halves interleaves the low four bytes of a and b, those of a first, to four
// numbers of 16 bits and rotates each right by one.
func halves(a, b uint64) uint64 {
	v := spreadBytes(a) | spreadBytes(b)<<8
	return v>>1&0x7fff_7fff_7fff_7fff | v&0x0001_0001_0001_0001<<15
}

// spreadBytes puts the low four bytes of x into the low halves of four numbers of
// 16 bits.
func spreadBytes(x uint64) uint64 {
	x &= 0xffff_ffff
	x = (x | x<<16) & 0x0000_ffff_0000_ffff
	return (x | x<<8) & 0x00ff_00ff_00ff_00ff
}

func merge4(dst, p0, p1, p2, p3 []byte) {
	for len(p0) >= 4 && len(p1) >= 4 && len(p2) >= 4 && len(p3) >= 4 && len(dst) >= 16 {
		low := spreadBytes(uint64(binary.LittleEndian.Uint32(p0))) | spreadBytes(uint64(binary.LittleEndian.Uint32(p1)))<<8
		high := spreadBytes(uint64(binary.LittleEndian.Uint32(p2))) | spreadBytes(uint64(binary.LittleEndian.Uint32(p3)))<<8
		binary.LittleEndian.PutUint64(dst, singles(low, high))
		binary.LittleEndian.PutUint64(dst[8:], singles(low>>32, high>>32))
		p0, p1, p2, p3, dst = p0[4:], p1[4:], p2[4:], p3[4:], dst[16:]
	}
	for i := range p0 {
		v := uint32(p0[i]) | uint32(p1[i])<<8 | uint32(p2[i])<<16 | uint32(p3[i])<<24
		binary.LittleEndian.PutUint32(dst[4*i:], v>>1|v<<31)
	}
}

// singles makes two numbers of 32 bits from the low two of 16 bits in low and
// high, and rotates each right by one.
func singles(low, high uint64) uint64 {
	const both = 0x0000_ffff_0000_ffff
	low, high = low&0xffff_ffff, high&0xffff_ffff
	v := (low|low<<16)&both | (high|high<<16)&both<<16
	return v>>1&0x7fff_ffff_7fff_ffff | v&0x0000_0001_0000_0001<<31
}
