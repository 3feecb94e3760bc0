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

// TestExpertsAllocateNothing: choosing experts and multiplying by them allocates nothing, whether they are held or read.
func TestExpertsAllocateNothing(t *testing.T) {
	const experts, rows, cols = 16, 24, 70
	e := newTestEngine(t, 2)
	for name, path := range expertFiles(t, experts, rows, cols, 8) {
		if name == "indices zstd" || name == "lossless" { // whose decoders do
			continue
		}
		m := openAny(t, e, path)
		c, err := e.NewExpertCache(experts, 6, nil, m)
		if err != nil {
			t.Fatal(err)
		}
		r, x, y := zipf(experts, 4, 1), vectors(1, cols, 3).Data, make([]float32, rows)
		var rounds [64][]int32
		for i := range rounds {
			rounds[i] = r.draw()
		}
		k := 0
		n := testing.AllocsPerRun(200, func() {
			ends := rounds[k%len(rounds)]
			k++
			c.Route(ends)
			for i, first := 0, int32(0); i < experts; i++ {
				if ends[i] > first {
					if _, err := m.RowsDot(t.Context(), y, x, i*rows, (i+1)*rows); err != nil {
						t.Error(err)
					}
				}
				first = ends[i]
			}
		})
		if n >= 1 {
			t.Errorf("%s: a round allocates %v times", name, n)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		m.Close()
	}
}
