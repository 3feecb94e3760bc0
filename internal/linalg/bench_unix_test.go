//go:build unix

package linalg

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"golang.org/x/sys/unix"
)

// report gives the speed in multiply-adds a second of processor time, which a
// busy machine leaves alone, and as a share of what the register tile does.
func report(b *testing.B, e *Engine, multiplyAdds float64, f func() error) {
	limit := tileSpeed(e)
	best := math.Inf(1)
	for b.Loop() {
		start := processorTime()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		best = min(best, processorTime()-start)
	}
	speed := multiplyAdds / best
	b.ReportMetric(2*speed/1e9, "GFLOP/CPU-s")
	b.ReportMetric(speed/limit, "of-limit")
}

// processorTime is what all threads have used, in seconds.
func processorTime() float64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// tileSpeed is the speed of the register tile, its panels in the L1 cache: the
// machine's FMA limit, as near as a loop gets to it.
func tileSpeed(e *Engine) float64 {
	const steps, calls = 64, 1000
	c, a, b := make([]float64, e.rows*e.columns), make([]float64, steps*e.rows), make([]float64, steps*e.columns)
	best := math.Inf(1)
	for range 20 {
		start := processorTime()
		for range calls {
			e.kernels.MulTile64(c, e.columns, e.columns, a, 1, e.rows, b, steps)
		}
		best = min(best, processorTime()-start)
	}
	return calls * steps * float64(e.rows*e.columns) / best
}

func BenchmarkEngine(b *testing.B) {
	for _, level := range kernel.Levels()[1:] {
		k, err := kernel.ForLevel(level)
		if err != nil {
			b.Fatal(err)
		}
		for threads := 1; threads <= runtime.NumCPU(); threads++ {
			e := New(k, threads)
			for _, n := range []int{576, 1536, 4096} {
				if n == 4096 && threads == 1 {
					continue
				}
				r := rand.New(rand.NewPCG(1, 1))
				const rows = 512
				x, c := make([]float32, rows*n), make([]float64, n*n)
				for i := range x {
					x[i] = float32(r.NormFloat64())
				}
				if err := e.Gram(b.Context(), c, n, x, n, rows); err != nil {
					b.Fatal(err)
				}
				for i := range n {
					c[i*n+i] += 1
				}
				a, w := slices.Clone(c), random(r, rows*n)
				y, f := make([]float64, rows*n), float64(n)
				name := fmt.Sprintf("%s/threads=%d/n=%d/", level, threads, n)
				b.Run(name+"gram", func(b *testing.B) {
					report(b, e, f*(f+1)/2*rows, func() error { return e.Gram(b.Context(), c, n, x, n, rows) })
				})
				b.Run(name+"product", func(b *testing.B) {
					report(b, e, f*f*rows, func() error {
						return e.MulAdd(b.Context(), y, n, w, n, a, n, rows, n, n, Plus)
					})
				})
				// What is left of a panel of rows when columns are done in blocks.
				for _, columns := range []int{64, 8} {
					b.Run(fmt.Sprintf("%sproduct-128x%d", name, columns), func(b *testing.B) {
						report(b, e, 128*float64(columns)*f, func() error {
							return e.MulAdd(b.Context(), y, columns, w, n, a, n, 128, columns, n, Minus)
						})
					})
				}
				b.Run(name+"lower", func(b *testing.B) {
					report(b, e, f*(f+1)/2*rows, func() error {
						return e.MulAddLower(b.Context(), y, n, w, n, a, n, rows, n)
					})
				})
				b.Run(name+"cholesky", func(b *testing.B) {
					l := make([]float64, n*n)
					report(b, e, f*f*f/6, func() error {
						copy(l, a)
						return e.Cholesky(b.Context(), l, n)
					})
				})
			}
		}
	}
}
