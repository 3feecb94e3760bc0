//go:build unix

package lattice

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// BenchmarkPass quantizes 1024 rows on one thread. Beside its rate, in multiply-adds (n/2 a weight) a second of processor
// time, stands that of a product of matrices of the same size with full ones, measured by turns.
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
			part := factored{Part{0, n}, make([]float64, n*n)}
			for i := range part.unit {
				part.unit[i] = rng.NormFloat64() / float64(n)
			}
			f := &Factor{n: n, parts: []factored{part}, pivots: ones(n), added: make([]float64, n)}
			p := newPass(f, engine, 1, 0.2, ones(n))
			x, y := make([]float64, rows*n), make([]float64, rows*n)
			ctx := context.Background()
			quantizing, multiplying := math.Inf(1), math.Inf(1)
			for b.Loop() {
				start := processorTime()
				if _, _, err := p.run(ctx, w, false); err != nil {
					b.Fatal(err)
				}
				middle := processorTime()
				if err := engine.MulAdd(ctx, y, n, x, n, part.unit, n, rows, n, n/2, linalg.Plus); err != nil {
					b.Fatal(err)
				}
				quantizing, multiplying = min(quantizing, middle-start), min(multiplying, processorTime()-middle)
			}
			work := rows * float64(n) * float64(n) / 2 / 1e9
			b.ReportMetric(work/quantizing, "GFMA/CPU-s")
			b.ReportMetric(work/multiplying, "product-GFMA/CPU-s")
			b.ReportMetric(multiplying/quantizing, "of-product")
		})
	}
}

// processorTime is what all threads have used, in seconds.
func processorTime() float64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
