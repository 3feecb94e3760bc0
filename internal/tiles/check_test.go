package tiles

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkCheck opens a block.
func BenchmarkCheck(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 6))
	const rows, cols = 128, 2048
	for _, spread := range []float64{1, 4, 12, 30} {
		codes := make([]byte, rows*cols)
		for i := range codes {
			codes[i] = byte(max(-128, min(127, int(r.NormFloat64()*spread)))) + Zero
		}
		block := AppendBlock(nil, codes, cols, Portable{})
		b.Run("", func(b *testing.B) {
			b.SetBytes(int64(len(codes)))
			var m Matrix
			for b.Loop() {
				if err := m.Open(block, rows, cols); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
