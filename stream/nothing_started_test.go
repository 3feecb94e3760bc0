//go:build !race

package stream

import (
	"runtime"
	"strings"
	"testing"
)

// TestProductsInMemoryStartNothing: they allocate nothing and start no goroutine.
func TestProductsInMemoryStartNothing(t *testing.T) {
	e := newTestEngine(t, 3)
	const rows, cols = 400, 500
	of := family(t, e, rows, cols)
	x, y := vectors(1, cols, 1).Data, make([][]float32, 4)
	for i := range y {
		y[i] = make([]float32, rows)
	}
	ctx := t.Context()
	all := func() {
		err := e.DotAll(ctx, x,
			Product{W: of["lattice 0"], B: rows, Y: y[0]}, Product{W: of["lattice 1"], B: rows, Y: y[1]},
			Product{W: of["16 values, sidecar true"], B: rows, Y: y[2]}, Product{W: of["dense"], B: rows, Y: y[3]})
		if err != nil {
			t.Error(err)
		}
	}
	all()
	before := runtime.NumGoroutine()
	if n := testing.AllocsPerRun(50, all); n >= 1 {
		t.Errorf("products allocate %v times", n)
	}
	for name, w := range of {
		if strings.HasPrefix(name, "streamed") {
			continue
		}
		n := testing.AllocsPerRun(50, func() {
			if _, err := w.RowsDot(ctx, y[0], x, 0, rows); err != nil {
				t.Error(err)
			}
		})
		if n >= 1 {
			t.Errorf("%s: a product allocates %v times", name, n)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, there were %d", after, before)
	}
}
