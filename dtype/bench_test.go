package dtype_test

import (
	"math/rand/v2"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// BenchmarkDecode converts 32 Ki normally distributed values, which stay in the
// second-level cache.
func BenchmarkDecode(b *testing.B) {
	const n = 32 << 10
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64() * 0.02)
	}
	for _, t := range all {
		src := make([]byte, n*t.Size())
		for i, v := range values {
			switch t {
			case dtype.F16:
				h := dtype.ToF16(v)
				src[2*i], src[2*i+1] = byte(h), byte(h>>8)
			default:
				for j := range t.Size() {
					src[i*t.Size()+j] = byte(rng.Uint32())
				}
			}
		}
		dst := make([]float32, n)
		b.Run(string(t), func(b *testing.B) {
			for b.Loop() {
				dtype.Decode(dst, src, t)
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gvalues/s")
		})
	}
}
