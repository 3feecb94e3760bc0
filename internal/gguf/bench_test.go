package gguf_test

import (
	"fmt"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// BenchmarkDequantize converts 32 Ki random elements, which stay in the
// second-level cache.
func BenchmarkDequantize(b *testing.B) {
	const n = 32 << 10
	dst := make([]float32, n)
	for _, t := range types() {
		block, _ := t.Block()
		raw := randomBlocks(t, n/block)
		b.Run(t.String(), func(b *testing.B) {
			for b.Loop() {
				gguf.Dequantize(dst, raw, t)
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
		})
	}
}

// BenchmarkOpen opens a file with a vocabulary of 256 Ki tokens, and reads them.
func BenchmarkOpen(b *testing.B) {
	tokens, scores, kinds := make([]string, 256<<10), make([]float32, 256<<10), make([]int32, 256<<10)
	for i := range tokens {
		tokens[i] = fmt.Sprint("token", i)
	}
	file := encode(b, nil, []gguf.Pair{{Key: "tokens", Value: tokens}, {Key: "scores", Value: scores}, {Key: "kinds", Value: kinds}})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := open(file); err != nil {
				b.Fatal(err)
			}
		}
	})
	f, err := open(file)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("strings", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.Strings("tokens"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
