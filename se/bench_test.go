package se

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkCompute measures the estimators; a weight is read many times.
func BenchmarkCompute(b *testing.B) {
	for _, c := range []struct {
		rows, cols int
		e          Estimator
	}{{288, 288, Exact}, {1024, 1024, Exact}, {2048, 2048, Exact}, {2048, 2048, Lanczos}, {4096, 4096, Lanczos}, {16384, 4096, Lanczos}} {
		b.Run(fmt.Sprintf("%dx%d/%s", c.rows, c.cols, c.e), func(b *testing.B) {
			s := random(b, "gauss", c.rows, c.cols, 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compute(context.Background(), s, Options{Estimator: c.e}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
