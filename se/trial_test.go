package se

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
	"math"
)

func gen(kind string, m, n int, seed uint64) Slice {
	r := rand.New(rand.NewPCG(seed, 7))
	w := make([]float32, m*n)
	switch kind {
	case "gauss":
		for i := range w { w[i] = float32(r.NormFloat64()) }
	case "decay": // power-law columns mixed
		k := min(m, n)
		_ = k
		a := make([]float64, n)
		for j := range a { a[j] = 1/math.Sqrt(float64(j+1)) }
		for i := range w { w[i] = float32(r.NormFloat64()*a[i%n]) }
	case "spike":
		u := make([]float64, m); v := make([]float64, n)
		for i := range u { u[i] = r.NormFloat64() }
		for i := range v { v[i] = r.NormFloat64() }
		for i := range w { w[i] = float32(r.NormFloat64() + u[i/n]*v[i%n]) }
	case "lowrank":
		k := 40
		u := make([]float64, m*k); v := make([]float64, n*k)
		for i := range u { u[i] = r.NormFloat64() }
		for i := range v { v[i] = r.NormFloat64() }
		for i := range w { s := 0.0; for q := range k { s += u[i/n*k+q]*v[i%n*k+q] }; w[i] = float32(s) }
	case "midrank":
		k := min(m,n)/4
		u := make([]float64, m*k); v := make([]float64, n*k)
		for i := range u { u[i] = r.NormFloat64() }
		for i := range v { v[i] = r.NormFloat64() }
		for i := range w { s := 0.0; for q := range k { s += u[i/n*k+q]*v[i%n*k+q] }; w[i] = float32(s) }
	case "diag":
		for i := range min(m,n) { w[i*n+i] = float32(1/float64(i+1)) }
	case "identity":
		for i := range min(m,n) { w[i*n+i] = 1 }
	}
	s, _ := NewSlice(w, m, n)
	return s
}

func TestTrial(t *testing.T) {
	p, _ := strconv.Atoi(os.Getenv("P"))
	if p == 0 { t.Skip() }
	trials, _ := strconv.Atoi(os.Getenv("TRIALS"))
	for _, kind := range []string{"gauss", "decay", "spike", "lowrank", "midrank", "diag", "identity"} {
		for _, shape := range [][2]int{{p, p}, {2 * p, p}, {p, 3*p}} {
			s := gen(kind, shape[0], shape[1], 1)
			t0 := time.Now()
			e, err := Compute(t.Context(), s, Options{Estimator: Exact})
			if err != nil { t.Fatal(err) }
			te := time.Since(t0)
			worst, bad, meanErr, bound := 0.0, 0, 0.0, 0.0
			var l *Result
			var tl time.Duration
			for seed := range trials {
				t0 = time.Now()
				l, err = Compute(t.Context(), s, Options{Estimator: Lanczos, Seed: uint64(seed)})
				if err != nil { t.Fatal(err) }
				tl = time.Since(t0)
				d := math.Abs(l.Se-e.Se)
				worst = max(worst, d); meanErr += d/float64(trials); bound += l.Error/float64(trials)
				if d > l.Error { bad++ }
			}
			fmt.Printf("%-8s %5dx%-5d exact Se %.4f H %.4f D %.4f k %.4g %v err %.1g %v | lanczos Se %.4f H %.4f D %.4f k %.4g %v %v | mean %.5f worst %.5f bound %.5f bad %d\n", kind, shape[0], shape[1], e.Se, e.H, e.D, e.Condition, e.ConditionAtLeast, e.Error, te.Round(time.Millisecond), l.Se, l.H, l.D, l.Condition, l.ConditionAtLeast, tl.Round(time.Millisecond), meanErr, worst, bound, bad)
		}
	}
}
