package codec

import (
	"encoding/binary"
	"math/bits"
)

// xxh32 is the 32-bit xxHash of data with seed 0, which LZ4 frames use as their
// checksum (github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
func xxh32(data []byte) uint32 {
	const (
		p1 uint32 = 2654435761
		p2 uint32 = 2246822519
		p3 uint32 = 3266489917
		p4 uint32 = 668265263
		p5 uint32 = 374761393
	)
	length := uint32(len(data))
	h := p5
	if len(data) >= 16 {
		p := p1
		lanes := [4]uint32{p + p2, p2, 0, -p}
		for ; len(data) >= 16; data = data[16:] {
			for i := range lanes {
				word := binary.LittleEndian.Uint32(data[4*i:])
				lanes[i] = bits.RotateLeft32(lanes[i]+word*p2, 13) * p1
			}
		}
		h = bits.RotateLeft32(lanes[0], 1) + bits.RotateLeft32(lanes[1], 7) +
			bits.RotateLeft32(lanes[2], 12) + bits.RotateLeft32(lanes[3], 18)
	}
	h += length
	for ; len(data) >= 4; data = data[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(data)*p3, 17) * p4
	}
	for _, b := range data {
		h = bits.RotateLeft32(h+uint32(b)*p5, 11) * p1
	}
	h = (h ^ h>>15) * p2
	h = (h ^ h>>13) * p3
	return h ^ h>>16
}
