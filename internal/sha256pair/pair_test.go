package sha256pair

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

func check(t *testing.T, a, b []byte) {
	t.Helper()
	x, y := Sum(a, b)
	if x != sha256.Sum256(a) || y != sha256.Sum256(b) {
		t.Fatalf("%d and %d bytes: %x and %x", len(a), len(b), x, y)
	}
}

// TestSum compares with crypto/sha256, for all lengths around those of blocks and for messages of unlike ones.
func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	message := make([]byte, 3000)
	for i := range message {
		message[i] = byte(r.Uint32())
	}
	check(t, nil, nil)
	for n := range 300 {
		for _, m := range []int{0, 1, 55, 56, 63, 64, 65, 119, 120, 128, n, 299 - n} {
			check(t, message[n:2*n], message[m:][:m])
		}
	}
	for range 500 {
		from := r.IntN(len(message))
		check(t, message[from:from+r.IntN(len(message)-from)], message[:r.IntN(len(message))])
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte("abc"), []byte(""))
	f.Fuzz(func(t *testing.T, a, b []byte) { check(t, a, b) })
}

func BenchmarkSum(b *testing.B) {
	x, y := make([]byte, 128<<10), make([]byte, 128<<10)
	b.Run("pair", func(b *testing.B) {
		b.SetBytes(int64(len(x) + len(y)))
		for b.Loop() {
			Sum(x, y)
		}
	})
	b.Run("one after the other", func(b *testing.B) {
		b.SetBytes(int64(len(x) + len(y)))
		for b.Loop() {
			sha256.Sum256(x)
			sha256.Sum256(y)
		}
	})
}
