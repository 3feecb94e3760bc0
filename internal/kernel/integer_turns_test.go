package kernel

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkIntegerTurns reads parts of packed tiles in memory by turns: plainly, and to multiply by them. Parts take some
// ten microseconds, so that their quartiles tell something on a machine that does other things too.
func BenchmarkIntegerTurns(b *testing.B) {
	const part = 256 // rows
	for _, bits := range []float64{3, 4, 5, 6, 7.4} {
		b.Run(fmt.Sprintf("entropy=%g", bits), func(b *testing.B) {
			m, buf := benchTiles(b, 1<<16, 4096, bits)
			for cores := 1; cores <= runtime.NumCPU(); cores++ {
				for _, set := range integerSets()[1:] {
					k := newKernels(Generic)
					k.integer, k.asm = set, Best().asm
					for _, batch := range []int{1, 2, 4, 5, 8} {
						b.Run(fmt.Sprintf("bits=%.2f/cores=%d/%s/batch=%d", float64(8*len(buf))/float64(len(m.idx)), cores, set.features, batch), func(b *testing.B) {
							q := benchQuantized(k, batch, m.Cols)
							times := make([][2][]float64, cores)
							for b.Loop() {
								var all sync.WaitGroup
								for core := range times {
									all.Go(func() {
										y := make([]float32, batch*part)
										parts := m.Rows / part / cores
										size := len(buf) / (parts * cores)
										for i := range parts {
											at := core*parts + i
											start := time.Now()
											if i%2 == 0 {
												k.Read(buf[at*size:][:size])
											} else {
												k.DotIntegersTiles(y, part, q, m.m, at*part, part)
											}
											times[core][i%2] = append(times[core][i%2], float64(size)/float64(time.Since(start)))
										}
									})
								}
								all.Wait()
							}
							var speeds [2][3]float64
							for what := range speeds {
								var of []float64
								for _, t := range times {
									of = append(of, t[what]...)
								}
								slices.Sort(of)
								for i := range 3 {
									speeds[what][i] = of[len(of)*(i+1)/4]
								}
							}
							b.ReportMetric(0, "ns/op")
							for i, name := range []string{"lower", "median", "upper"} {
								b.ReportMetric(speeds[0][i], name+"-read-GB/s")
								b.ReportMetric(speeds[1][i]/speeds[0][i], name+"-share")
							}
						})
					}
				}
			}
		})
	}
}
