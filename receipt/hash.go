package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"unsafe"
)

// HashFloat32 returns the SHA-256, in hex, of x as little-endian float32 bytes.
func HashFloat32(x []float32) string {
	h := sha256.New()
	if littleEndian {
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x)))
		return hex.EncodeToString(h.Sum(nil))
	}
	var chunk [4096]byte
	for len(x) > 0 {
		n := min(len(x), len(chunk)/4)
		for i, v := range x[:n] {
			binary.LittleEndian.PutUint32(chunk[4*i:], math.Float32bits(v))
		}
		h.Write(chunk[:4*n])
		x = x[n:]
	}
	return hex.EncodeToString(h.Sum(nil))
}

// littleEndian tells that this machine keeps numbers as they are hashed.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
