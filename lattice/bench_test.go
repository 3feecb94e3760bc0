package lattice

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// BenchmarkPass quantizes 1024 rows on one thread. Beside its rate, in multiply-adds (n/2 a weight), stands that of a
// product of matrices of the same size with full ones, measured by turns.
func BenchmarkPass(b *testing.B) {
	const rows = sampleRows
	for _, n := range []int{576, 1536, 4096} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			weights := make([]float32, rows*n)
			for i := range weights {
				weights[i] = float32(rng.NormFloat64())
			}
			w, err := matrix.NewSlice(weights, rows, n)
			if err != nil {
				b.Fatal(err)
			}
			engine, err := newEngine(1)
			if err != nil {
				b.Fatal(err)
			}
			f := &Factor{n: n, unit: make([]float64, n*n), pivots: ones(n)}
			for i := range f.unit {
				f.unit[i] = rng.NormFloat64() / float64(n)
			}
			p := newPass(f, engine, 1, 0.2, ones(n))
			x, y := make([]float64, rows*n), make([]float64, rows*n)
			ctx := context.Background()
			var quantizing, multiplying time.Duration
			for b.Loop() {
				start := time.Now()
				if _, _, err := p.run(ctx, w, false); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if err := engine.MulAdd(ctx, y, n, x, n, f.unit, n, rows, n, n/2, linalg.Plus); err != nil {
					b.Fatal(err)
				}
				quantizing += middle.Sub(start)
				multiplying += time.Since(middle)
			}
			work := float64(b.N) * rows * float64(n) * float64(n) / 2 / 1e9
			b.ReportMetric(work/quantizing.Seconds(), "GFMA/s")
			b.ReportMetric(work/multiplying.Seconds(), "product-GFMA/s")
		})
	}
}
