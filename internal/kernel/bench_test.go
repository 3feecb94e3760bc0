package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The matrices come from the cache or from memory.
var benchShapes = []struct {
	name       string
	rows, cols int
}{
	{"cache", 64, 4096},
	{"memory", 65536, 4096},
}

// benchBytes are indices for the largest shape, made once.
var benchBytes = sync.OnceValue(func() []byte {
	idx := make([]byte, 65536*4096)
	r := rand.New(rand.NewPCG(1, 1))
	for i := 0; i+8 <= len(idx); i += 8 {
		v := r.Uint64()
		for j := range 8 {
			idx[i+j] = byte(v >> (8 * j))
		}
	}
	return idx
})

func benchTable(entries int, f32 bool) *Table {
	v := make([]float32, entries)
	for i := range v {
		v[i] = bf16(float32(i-entries/2) * 0.013)
		if f32 {
			v[i] *= 1.001
		}
	}
	return NewTable(v)
}

func benchInput(n int) []float32 {
	return values(rand.New(rand.NewPCG(3, 4)), n, false)
}

// perWeight reports weights per second, on average and of the best iteration
// (what an undisturbed machine would do), and through SetBytes bytes per second.
func perWeight(b *testing.B, bytes, weights int, f func()) {
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	f()
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(weights)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gweights/s")
	b.ReportMetric(float64(weights)/best.Seconds()/1e9, "best-Gweights/s")
}

// BenchmarkRead is what the memory itself gives: 256 MiB summed up by one or
// two cores.
func BenchmarkRead(b *testing.B) {
	idx := benchBytes()
	for cores := 1; cores <= runtime.NumCPU(); cores *= 2 {
		b.Run(fmt.Sprintf("cores=%d", cores), func(b *testing.B) {
			perWeight(b, len(idx), len(idx), func() {
				split(cores, len(idx)/4096, func(first, rows int) { Best().Read(idx[first*4096:][:rows*4096]) })
			})
		})
	}
}

// split runs f on equal parts of rows.
func split(cores, rows int, f func(first, rows int)) {
	if cores == 1 {
		f(0, rows)
		return
	}
	var wg sync.WaitGroup
	for c := range cores {
		wg.Go(func() {
			a, b := rows*c/cores, rows*(c+1)/cores
			f(a, b-a)
		})
	}
	wg.Wait()
}

func BenchmarkDotRows(b *testing.B) {
	for _, level := range Levels() {
		k, _ := ForLevel(level)
		for _, s := range benchShapes {
			for _, f32 := range []bool{false, true} {
				for _, batch := range []int{1, 4} {
					for cores := 1; cores <= 2; cores++ {
						if level == Generic && (s.name == "memory" || cores == 2) || s.name == "cache" && cores == 2 {
							continue
						}
						b.Run(fmt.Sprintf("%s/%s/f32=%v/batch=%d/cores=%d", level, s.name, f32, batch, cores), func(b *testing.B) {
							t, idx := benchTable(256, f32), benchBytes()[:s.rows*s.cols]
							var x Activations
							x.Pack(benchInput(batch*s.cols), batch, s.cols)
							y := make([]float32, batch*s.rows)
							perWeight(b, len(idx), len(idx), func() {
								split(cores, s.rows, func(first, rows int) {
									k.DotRows(y[first:], s.rows, &x, t, idx[first*s.cols:][:rows*s.cols], rows)
								})
							})
						})
					}
				}
			}
		}
	}
}

func BenchmarkAccumulateRows(b *testing.B) {
	for _, level := range Levels() {
		k, _ := ForLevel(level)
		for _, s := range benchShapes {
			for _, batch := range []int{1, 3} {
				if level == Generic && s.name == "memory" {
					continue
				}
				b.Run(fmt.Sprintf("%s/%s/batch=%d", level, s.name, batch), func(b *testing.B) {
					t, idx := benchTable(256, false), benchBytes()[:s.rows*s.cols]
					x := benchInput(batch * s.rows)
					y := make([]float32, batch*s.cols)
					perWeight(b, len(idx), len(idx), func() {
						k.AccumulateRows(y, s.cols, x, s.rows, batch, t, idx, s.cols, s.rows, s.cols)
					})
				})
			}
		}
	}
}

// BenchmarkDense is the dense float32 product in the same canon.
func BenchmarkDense(b *testing.B) {
	for _, level := range Levels() {
		k, _ := ForLevel(level)
		for _, rows := range []int{16, 16384} {
			if level == Generic && rows > 16 {
				continue
			}
			b.Run(fmt.Sprintf("%s/rows=%d", level, rows), func(b *testing.B) {
				w := make([]float32, rows*4096)
				for i := range w {
					w[i] = float32(i%251) * 0.01
				}
				var x Activations
				x.Pack(benchInput(4096), 1, 4096)
				y := make([]float32, rows)
				perWeight(b, 4*len(w), len(w), func() { k.DotRowsF32(y, rows, &x, w, rows) })
			})
		}
	}
}

func BenchmarkPacked(b *testing.B) {
	for _, level := range Levels()[1:] {
		k, _ := ForLevel(level)
		for _, s := range benchShapes {
			for _, bits := range []int{6, 4} {
				for cores := 1; cores <= runtime.NumCPU(); cores++ {
					b.Run(fmt.Sprintf("%s/%s/bits=%d/cores=%d", level, s.name, bits, cores), func(b *testing.B) {
						rows := s.rows
						if s.name == "memory" {
							rows = rows * 8 / bits &^ 63 // as many bytes as in BenchmarkDotRows
						}
						p, err := NewPacked(benchBytes()[:PackedSize(rows, s.cols, bits)], rows, s.cols, bits)
						if err != nil {
							b.Fatal(err)
						}
						t := benchTable(1<<bits, false)
						var x Activations
						x.Pack(benchInput(s.cols), 1, s.cols)
						y := make([]float32, p.Rows())
						perWeight(b, len(p.data), p.Rows()*p.Cols(), func() {
							split(cores, p.Rows()/4, func(first, rows int) {
								k.DotRowsPacked(y[4*first:], 4*rows, &x, t, p, 4*first, 4*rows)
							})
						})
					})
				}
			}
		}
	}
}

// BenchmarkTiled multiplies n × n by a batch; weights/s times the batch are
// multiply-adds per second.
func BenchmarkTiled(b *testing.B) {
	for _, level := range Levels()[1:] {
		k, _ := ForLevel(level)
		for _, n := range []int{576, 4096} {
			for _, batch := range []int{8, 32, 256} {
				t, idx := benchTable(256, false), benchBytes()[:n*n]
				x := benchInput(batch * n)
				var a Activations
				a.Pack(x, batch, n)
				y := make([]float32, batch*n)
				for cores := 1; cores <= runtime.NumCPU(); cores++ {
					b.Run(fmt.Sprintf("%s/dot/n=%d/batch=%d/cores=%d", level, n, batch, cores), func(b *testing.B) {
						perWeight(b, n*n, n*n*batch, func() {
							split(cores, n, func(first, rows int) {
								k.DotRows(y[first:], n, &a, t, idx[first*n:][:rows*n], rows)
							})
						})
					})
				}
				b.Run(fmt.Sprintf("%s/accumulate/n=%d/batch=%d", level, n, batch), func(b *testing.B) {
					perWeight(b, n*n, n*n*batch, func() { k.AccumulateRows(y, n, x, n, batch, t, idx, n, n, n) })
				})
			}
		}
	}
}

// BenchmarkSparse is a product with a sidecar of 0.5 % outliers, and its parts.
func BenchmarkSparse(b *testing.B) {
	const rows, cols = 16384, 4096
	r := rand.New(rand.NewPCG(5, 6))
	var positions []uint64
	for p := uint64(r.IntN(400)); p < rows*cols; p += 1 + uint64(r.IntN(399)) {
		positions = append(positions, p)
	}
	s, err := NewSparse(rows, cols, positions, benchInput(len(positions)))
	if err != nil {
		b.Fatal(err)
	}
	t, idx, input := benchTable(256, false), benchBytes()[:rows*cols], benchInput(rows)
	var x Activations
	x.Pack(input[:cols], 1, cols)
	y, z := make([]float32, rows), make([]float32, cols)
	k := Best()
	dot := func() { k.DotRows(y, rows, &x, t, idx, rows) }
	sparse := func() { k.DotSparse(y, rows, input, cols, 1, s, 0, rows) }
	accumulate := func() { k.AccumulateRows(y, cols, input, rows, 1, t, idx, cols, rows, cols) }
	sparseAccumulate := func() { k.AccumulateSparse(z, cols, input, rows, 1, s, 0, rows) }
	b.Run("dot", func(b *testing.B) { perWeight(b, len(idx), len(idx), dot) })
	b.Run("dot+sidecar", func(b *testing.B) { perWeight(b, len(idx), len(idx), func() { dot(); sparse() }) })
	b.Run("accumulate", func(b *testing.B) { perWeight(b, len(idx), len(idx), accumulate) })
	b.Run("accumulate+sidecar", func(b *testing.B) { perWeight(b, len(idx), len(idx), func() { accumulate(); sparseAccumulate() }) })
}

// BenchmarkElementwise tells the time of a value: a row of scores, a part of the FFN's values.
func BenchmarkElementwise(b *testing.B) {
	const n = 512
	in := benchInput(2 * n)
	x := make([]float32, n)
	for name, f := range elementwiseMethods {
		for _, level := range Levels() {
			k, _ := ForLevel(level)
			b.Run(name+"/"+string(level), func(b *testing.B) {
				best := time.Duration(math.MaxInt64)
				for b.Loop() {
					start := time.Now()
					for range 16 {
						copy(x, in)
						f(k, x, in[n:], 1)
					}
					best = min(best, time.Since(start))
				}
				b.ReportMetric(float64(best)/(16*n), "best-ns/value")
			})
		}
	}
}
