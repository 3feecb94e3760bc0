package kernel

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func benchQuantized(k *Kernels, batch, n int) *QuantizedActivations {
	c := integerCaseOf(rand.New(rand.NewPCG(1, 36)), 0, 0, n, batch)
	return c.quantized(k)
}

// BenchmarkIntegerTile is the product of a chunk in the L1 cache and a panel: what there is to reach.
func BenchmarkIntegerTile(b *testing.B) {
	eachIntegerSetBench(b, func(b *testing.B, k *Kernels) {
		for _, batch := range []int{1, 2, 4, 8, 12, 16, 48} {
			b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
				q, codes, y := benchQuantized(k, batch, chunkColumns), slices.Clone(benchBytes()[:chunkBytes]), make([]float32, batch*stripRows)
				const times = 100
				s := new(scratch)
				k.narrow(s, codes, chunkGroups)
				perWeight(b, times*chunkBytes, times*chunkBytes*batch, func() {
					for range times {
						k.dotPanel(s, y, q.panel(0, 0), codes, chunkGroups)
					}
				})
			})
		}
	})
}

func eachIntegerSetBench(b *testing.B, f func(b *testing.B, k *Kernels)) {
	for _, set := range integerSets() {
		b.Run(set.features, func(b *testing.B) {
			k := newKernels(Generic)
			k.integer = set
			f(b, k)
		})
	}
}

// BenchmarkIntegers multiplies by index bytes in rows, which are interleaved first. Weights/s times the batch are
// multiply-adds per second.
func BenchmarkIntegers(b *testing.B) {
	eachIntegerSetBench(b, func(b *testing.B, k *Kernels) {
		for _, s := range []shape{{64, 4096, 1}, {64, 4096, 8}, {1024, 4096, 120}, {1024, 4096, 512}, {65536, 4096, 1}, {4096, 4096, 8}, {4096, 4096, 120}} {
			for cores := 1; cores <= runtime.NumCPU(); cores++ {
				b.Run(fmt.Sprintf("rows=%d/batch=%d/cores=%d", s.rows, s.batch, cores), func(b *testing.B) {
					q, idx, y := benchQuantized(k, s.batch, s.cols), benchBytes()[:s.rows*s.cols], make([]float32, s.batch*s.rows)
					perWeight(b, len(idx), len(idx)*s.batch, func() {
						split(cores, s.rows/stripRows, func(first, strips int) {
							k.DotIntegers(y[stripRows*first:], s.rows, q, idx[stripRows*first*s.cols:][:stripRows*strips*s.cols], stripRows*strips)
						})
					})
				})
			}
		}
	})
}

// BenchmarkQuantize tells the time of rounding a value.
func BenchmarkQuantize(b *testing.B) {
	for _, l := range Levels() {
		k, _ := ForLevel(l)
		for _, batch := range []int{1, 12} {
			b.Run(fmt.Sprintf("%s/batch=%d", l, batch), func(b *testing.B) {
				c := integerCaseOf(rand.New(rand.NewPCG(1, 37)), 0, 0, 4096, batch)
				q := c.quantized(k)
				perWeight(b, len(q.data), len(c.x), func() { k.Quantize(q, c.x, c.columns, 0, batch, 0, q.Groups()) })
			})
		}
	}
}
