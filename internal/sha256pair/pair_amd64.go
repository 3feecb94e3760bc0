//go:build !noasm

package sha256pair

import (
	"crypto/sha256"
	"encoding/binary"
)

// supported tells whether the CPU has SHA, SSSE3 and SSE4.1.
var supported = func() bool {
	const ssse3, sse41, sha = 1 << 9, 1 << 19, 1 << 29
	most, _, _ := cpuid(0)
	if most < 7 {
		return false
	}
	_, _, features := cpuid(1)
	_, extended, _ := cpuid(7)
	return features&ssse3 != 0 && features&sse41 != 0 && extended&sha != 0
}()

// cpuid returns EAX, EBX and ECX for a leaf, and subleaf 0.
func cpuid(leaf uint32) (eax, ebx, ecx uint32)

// state is the words of a hash in the order of the instructions' two registers: f e b a, h g d c.
type state [8]uint32

var initial = state{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372}

// hash is one of a pair on its way.
type hash struct {
	state state
	rest  []byte                     // of the message, after what was hashed together
	tail  [2 * sha256.BlockSize]byte // the message's end and padding
}

func (h *hash) begin(message []byte, together int) {
	h.state, h.rest = initial, message[together:]
}

// finish hashes the rest of a message of so many bytes, beside nothing.
func (h *hash) finish(length int) (sum [sha256.Size]byte) {
	var none state
	if n := len(h.rest) / sha256.BlockSize; n > 0 {
		blocks(&h.state, &none, &h.rest[0], &h.rest[0], n)
		h.rest = h.rest[n*sha256.BlockSize:]
	}
	n := copy(h.tail[:], h.rest)
	h.tail[n] = 0x80
	end := sha256.BlockSize
	if n+1+8 > end {
		end *= 2
	}
	binary.BigEndian.PutUint64(h.tail[end-8:], uint64(length)<<3)
	blocks(&h.state, &none, &h.tail[0], &h.tail[0], end/sha256.BlockSize)
	for i, from := range [...]int{3, 2, 7, 6, 1, 0, 5, 4} {
		binary.BigEndian.PutUint32(sum[4*i:], h.state[from])
	}
	return sum
}

func sum(a, b []byte) (ofA, ofB [sha256.Size]byte) {
	if !supported {
		return sha256.Sum256(a), sha256.Sum256(b)
	}
	n := min(len(a), len(b)) / sha256.BlockSize
	var x, y hash
	x.begin(a, n*sha256.BlockSize)
	y.begin(b, n*sha256.BlockSize)
	if n > 0 {
		blocks(&x.state, &y.state, &a[0], &b[0], n)
	}
	return x.finish(len(a)), y.finish(len(b))
}

// blocks goes on with two states by n blocks, at least one, of a message each.
//
//go:noescape
func blocks(x, y *state, a, b *byte, n int)
