package se

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/helix-substrate/helix-substrate/matrix"
)

// random makes a matrix of a kind:
//
//	gauss     independent normal weights
//	decay     columns of falling size: singular values by a power law
//	spike     one large singular value above noise
//	lowrank   rank 40, or the shorter side if that is less
//	midrank   a quarter of the shorter side
//	diagonal  1, 1/2, 1/3, ...
//	identity  all singular values equal
func random(t testing.TB, kind string, rows, cols int, seed uint64) matrix.Slice {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	w := make([]float32, rows*cols)
	ranked := func(k int) {
		u, v := make([]float64, rows*k), make([]float64, cols*k)
		for i := range u {
			u[i] = r.NormFloat64()
		}
		for i := range v {
			v[i] = r.NormFloat64()
		}
		for i := range rows {
			for j := range cols {
				sum := 0.0
				for q := range k {
					sum += u[i*k+q] * v[j*k+q]
				}
				w[i*cols+j] += float32(sum)
			}
		}
	}
	switch kind {
	case "gauss", "decay":
		for i := range w {
			w[i] = float32(r.NormFloat64())
			if kind == "decay" {
				w[i] /= float32(math.Sqrt(float64(i%cols + 1)))
			}
		}
	case "spike":
		for i := range w {
			w[i] = float32(r.NormFloat64())
		}
		ranked(1)
	case "lowrank":
		ranked(min(40, rows, cols))
	case "midrank":
		ranked(max(1, min(rows, cols)/4))
	case "diagonal", "identity":
		for i := range min(rows, cols) {
			w[i*cols+i] = 1
			if kind == "diagonal" {
				w[i*cols+i] = float32(1 / float64(i+1))
			}
		}
	default:
		t.Fatalf("no kind %q", kind)
	}
	s, err := matrix.NewSlice(w, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var kinds = []string{"gauss", "decay", "spike", "lowrank", "midrank", "diagonal", "identity"}
