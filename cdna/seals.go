package cdna

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"sync"
)

// seals tell blocks that were found right from any other bytes, for less than their SHA-256 takes: sums of the packed bytes by
// GHASH, under a key that never leaves the process, nor do the sums. Who does not know the key finds bytes of another content with the
// same sum with a chance below 2^-100 a try (McGrew and Viega 2004), and all that a try shows is that it failed. They are safe for
// concurrent use.
type seals struct {
	gmac    cipher.AEAD
	scratch sync.Pool // of sums on their way

	mu   sync.Mutex
	sums []seal
}

// seal is the sum of a block; the zero value, of none.
type seal struct {
	sum  [16]byte
	made bool
}

// newSeals returns seals for so many blocks, under a new key.
func newSeals(blocks int) *seals {
	var key [16]byte
	rand.Read(key[:]) // which never fails
	block, err := aes.NewCipher(key[:])
	if err == nil {
		var gmac cipher.AEAD
		if gmac, err = cipher.NewGCM(block); err == nil {
			return &seals{gmac: gmac, sums: make([]seal, blocks)}
		}
	}
	return &seals{} // nothing is recognized
}

// noNonce is the nonce of all sums: none is told to anybody, so that different ones would hide nothing.
var noNonce [12]byte

// fits tells whether bytes are those of block i that were right.
func (s *seals) fits(i int, packed []byte) bool {
	if s.gmac == nil {
		return false
	}
	s.mu.Lock()
	want := s.sums[i]
	s.mu.Unlock()
	return want.made && s.sum(packed) == want.sum
}

// set keeps the sum of bytes of block i, which are right.
func (s *seals) set(i int, packed []byte) {
	if s.gmac == nil {
		return
	}
	sum := s.sum(packed)
	s.mu.Lock()
	s.sums[i] = seal{sum, true}
	s.mu.Unlock()
}

func (s *seals) sum(packed []byte) [16]byte {
	sum, ok := s.scratch.Get().(*[16]byte)
	if !ok {
		sum = new([16]byte)
	}
	defer s.scratch.Put(sum)
	s.gmac.Seal(sum[:0], noNonce[:], nil, packed)
	return *sum
}
