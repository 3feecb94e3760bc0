package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// HashFloat32 returns the SHA-256, in hex, of x as little-endian float32 bytes.
func HashFloat32(x []float32) string {
	h := sha256.New()
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
