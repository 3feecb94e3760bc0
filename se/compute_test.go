package se

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/se/route"
)

func compute(t testing.TB, src matrix.Source, o Options) *route.Result {
	t.Helper()
	r, err := Compute(t.Context(), src, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLanczosWithinItsBound compares the sampled with the exact spectrum. With
// HELIX_SE_TRIALS=N it does so at N seeds and shapes up to 2048², which takes minutes.
func TestLanczosWithinItsBound(t *testing.T) {
	trials, _ := strconv.Atoi(os.Getenv("HELIX_SE_TRIALS"))
	shapes := [][2]int{{150, 150}, {300, 120}}
	if trials > 0 {
		shapes = [][2]int{{600, 600}, {1200, 700}, {700, 2048}, {2048, 2048}}
	}
	total, outside, worst := 0, 0, 0.0
	for _, kind := range kinds {
		for _, shape := range shapes {
			s := random(t, kind, shape[0], shape[1], 1)
			exact := compute(t, s, Options{Estimator: Exact})
			for seed := range max(1, trials) {
				l := compute(t, s, Options{Estimator: Lanczos, Seed: uint64(seed)})
				difference := math.Abs(l.Se - exact.Se)
				worst = max(worst, difference)
				if total++; difference > l.Error+exact.Error {
					outside++
					t.Logf("%s %v seed %d: %v, exact %v, bound %v", kind, shape, seed, l.Se, exact.Se, l.Error)
				}
				if difference > 0.01 {
					t.Errorf("%s %v seed %d: %v, exact %v", kind, shape, seed, l.Se, exact.Se)
				}
			}
		}
	}
	t.Logf("%d of %d outside their bound; the largest difference is %.5f", outside, total, worst)
	if float64(outside) > 0.01*float64(total) {
		t.Errorf("%d of %d outside their bound", outside, total)
	}
}

// TestSameBits: threads and CPU levels change no bit.
func TestSameBits(t *testing.T) {
	for _, c := range []struct {
		kind       string
		rows, cols int
		e          Estimator
	}{
		{"decay", 200, 90, Exact}, {"gauss", 90, 260, Exact}, {"decay", 90, 150, Lanczos}, {"midrank", 130, 70, Lanczos},
		{"spike", 1300, 600, Exact}, {"gauss", 400, 1100, Lanczos},
	} {
		s := random(t, c.kind, c.rows, c.cols, 3)
		levels := kernel.Levels()
		if testing.Short() {
			levels = levels[len(levels)-1:] // threads meet at each alike
		}
		var want *route.Result
		for _, level := range levels {
			if c.cols > 500 && level == kernel.Generic {
				continue // slow, and the same code as for small ones
			}
			t.Setenv("HELIX_CPU", string(level))
			for _, threads := range []int{1, 2, 5} {
				got := compute(t, s, Options{Estimator: c.e, Threads: threads, Seed: 9})
				if want == nil {
					want = got
				} else if !reflect.DeepEqual(got, want) {
					t.Errorf("%s %d × %d, %s, %d threads: %+v, want %+v", c.kind, c.rows, c.cols, level, threads, got, want)
				}
			}
		}
	}
}

func TestEdges(t *testing.T) {
	build := func(rows, cols int, fill func(i int) float32) matrix.Slice {
		w := make([]float32, rows*cols)
		for i := range w {
			w[i] = fill(i)
		}
		s, err := matrix.NewSlice(w, rows, cols)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	zero := func(int) float32 { return 0 }
	count := func(i int) float32 { return float32(i + 1) }
	for name, s := range map[string]matrix.Slice{
		"empty": build(0, 5, zero), "no columns": build(5, 0, zero), "one": build(1, 1, count), "one row": build(1, 700, count),
		"one column": build(700, 1, count), "zero": build(40, 30, zero), "zero, large": build(1100, 1100, zero),
		"rank one": build(60, 50, func(i int) float32 { return float32((i/50 + 1) * (i%50 + 1)) }), "constant": build(1100, 1030, func(int) float32 { return 3 }),
		"1 to 10000": build(1, 10000, count), "2 to 20000": build(2, 20000, func(i int) float32 { return float32(i%17) - 8 }), "10000 to 1": build(10000, 1, count),
		"tiny": build(9, 7, func(i int) float32 { return float32(i) * 1e-44 }), "huge": build(9, 7, func(i int) float32 { return float32(i) * 5e36 }),
	} {
		r := compute(t, s, Options{})
		for field, v := range map[string]float64{"Se": r.Se, "H": r.H, "U": r.U, "D": r.D, "C": r.Structure, "error": r.Error, "columns": r.ColCoherence} {
			if !(v >= 0 && v <= 1) {
				t.Errorf("%s: %s is %v", name, field, v)
			}
		}
		if !(r.Condition >= 0) || math.IsInf(r.Condition, 0) {
			t.Errorf("%s: condition %v", name, r.Condition)
		}
		p := route.DefaultPolicy()
		if d := route.Machine().Resolve(p.Decide(r)); d.Used != route.CPU || d.String() == "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		s := build(700, 600, func(i int) float32 {
			if i == 699*600+7 {
				return bad
			}
			return float32(i % 5)
		})
		if _, err := Compute(t.Context(), s, Options{}); !errors.Is(err, ErrNonFinite) || err.Error()[len(err.Error())-len("at row 699, column 7: weight is not finite"):] != "at row 699, column 7: weight is not finite" {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := matrix.NewSlice(make([]float32, 5), 2, 3); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	for _, o := range []Options{{Estimator: "guess"}, {Threads: -1}, {Condition: -1}, {ItemBytes: -4}} {
		if _, err := Compute(t.Context(), build(2, 2, count), o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compute(ctx, build(200, 200, count), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestProperties: scaling changes nothing, and all is between 0 and 1.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows, cols := rapid.IntRange(1, 40).Draw(rt, "rows"), rapid.IntRange(1, 40).Draw(rt, "cols")
		small := rapid.SliceOfN(rapid.IntRange(-9, 9), rows*cols, rows*cols).Draw(rt, "w")
		w := make([]float32, len(small))
		for i, x := range small {
			w[i] = float32(x)
		}
		s, err := matrix.NewSlice(w, rows, cols)
		if err != nil {
			rt.Fatal(err)
		}
		doubled := make([]float32, len(w))
		for i, x := range w {
			doubled[i] = 4 * x // exact
		}
		d, err := matrix.NewSlice(doubled, rows, cols)
		if err != nil {
			rt.Fatal(err)
		}
		a, b := compute(t, s, Options{}), compute(t, d, Options{})
		if math.Abs(a.Se-b.Se) > 1e-5 || math.Abs(a.RowCoherence-b.RowCoherence) > 1e-5 {
			rt.Errorf("Se %v, times four %v", a.Se, b.Se)
		}
		if a.Se < 0 || a.Se > 1 || a.Condition < 0 {
			rt.Errorf("%+v", a)
		}
	})
}
