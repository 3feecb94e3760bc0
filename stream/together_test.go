package stream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/memory"
)

// wrapped is a matrix of which an engine knows nothing but the interface.
type wrapped struct {
	Matrix
	products int
}

func (w *wrapped) RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error) {
	w.products++
	return w.Matrix.RowsDot(ctx, y, x, a, b)
}

// family returns matrices of every kind with so many columns, resident where the name does not say that they are streamed.
func family(t *testing.T, e *Engine, rows, cols int) map[string]Matrix {
	t.Helper()
	of := map[string]Matrix{}
	load := func(name string, w Matrix, err error) {
		if err == nil {
			err = w.Load(t.Context())
		}
		if err != nil {
			t.Fatal(name, err)
		}
		of[name] = w
		t.Cleanup(func() { w.Close() })
	}
	for _, entries := range []int{256, 64, 16} {
		m := newMatrixOf(entries, rows, cols, 20, uint64(entries))
		for _, o := range []MatrixOptions{{}, {Sidecar: m.sidecar}} {
			w, err := e.Open(m.write(t, "zstd", 24), o)
			load(fmt.Sprint(entries, " values, sidecar ", o.Sidecar != nil), w, err)
		}
	}
	for i := range uint64(2) {
		w, err := e.OpenLattice(writeLattice(t, latticeMatrix(rows, cols, i), cdna.LatticeOptions{BlockRows: 16, Classes: 3}), MatrixOptions{})
		load(fmt.Sprint("lattice ", i), w, err)
	}
	for _, kind := range []dtype.Type{dtype.F16, dtype.BF16} {
		path, _ := losslessFile(t, kind, rows, cols, 16, "zstd")
		w, err := e.OpenLossless(path, cdna.Always)
		load(fmt.Sprint("lossless ", kind), w, err)
	}
	d, err := e.NewDense(rows, cols, func(dst []float32, a, b int) error {
		copy(dst, vectors(rows, cols, 9).Data[a*cols:b*cols])
		return nil
	})
	load("dense", d, err)
	from := func(name string, w Matrix, err error) {
		if err != nil {
			t.Fatal(name, err)
		}
		of["streamed "+name] = w
		t.Cleanup(func() { w.Close() })
	}
	m := newMatrix(rows, cols, 20, 3)
	w, err := e.Open(m.write(t, "huff0", 8), MatrixOptions{Sidecar: m.sidecar})
	from("values", w, err)
	for i := range uint64(2) {
		w, err := e.OpenLattice(writeLattice(t, latticeMatrix(rows, cols, 7+i), cdna.LatticeOptions{BlockRows: 11, Classes: 3}), MatrixOptions{})
		from(fmt.Sprint("lattice ", i), w, err)
	}
	for kind, codec := range map[dtype.Type]string{dtype.F16: "zstd", dtype.BF16: "none"} {
		path, _ := losslessFile(t, kind, rows, cols, 13, codec)
		w, err := e.OpenLossless(path, cdna.Always)
		from(fmt.Sprint("lossless ", kind), w, err)
	}
	of["wrapped"] = &wrapped{Matrix: d}
	return of
}

// TestDotAll: matrices of all kinds, in several orders, give the bits of their own products, and biases are added.
func TestDotAll(t *testing.T) {
	const cols = 203
	for _, threads := range []int{1, 2, 5} {
		e := newTestEngine(t, threads)
		for _, rows := range []int{57, 400} {
			of := family(t, e, rows, cols)
			var names []string
			for name := range of {
				names = append(names, name)
			}
			slices.Sort(names)
			bias := vectors(1, rows, 5).Data
			for _, batch := range []int{1, 3, 40} {
				x := vectors(batch, cols, uint64(batch)).Data
				want := map[string][]float32{}
				for _, name := range names {
					y := make([]float32, batch*rows)
					if _, err := of[name].RowsDot(t.Context(), y, x, 0, rows); err != nil {
						t.Fatal(err)
					}
					want[name] = y
				}
				for turn := range len(names) {
					turned := append(slices.Clone(names[turn:]), names[:turn]...)
					a, b := turn, rows-3*turn/2
					products := make([]Product, len(turned))
					for i, name := range turned {
						products[i] = Product{W: of[name], A: a, B: b, Y: make([]float32, batch*(b-a))}
						if (i+turn)%2 == 1 {
							products[i].Bias = bias[a:b]
						}
					}
					if err := e.DotAll(t.Context(), x, products...); err != nil {
						t.Fatal(err)
					}
					for i, p := range products {
						for v := range batch {
							some := slices.Clone(want[turned[i]][v*rows+a : v*rows+b])
							for r := range p.Bias {
								some[r] += p.Bias[r]
							}
							sameBits(t, fmt.Sprintf("%d threads, batch %d, %s in turn %d", threads, batch, turned[i], turn), p.Y[v*(b-a):][:b-a], some)
						}
					}
				}
			}
			if of["wrapped"].(*wrapped).products == 0 {
				t.Error("another's matrix was passed by")
			}
		}
	}
}

// TestDotAllOfOneMatrix: products with rows of the same streamed matrix, some of which lie in the same block, learn its
// outliers together (the race detector watches).
func TestDotAllOfOneMatrix(t *testing.T) {
	const rows, cols = 64, 203
	e := newTestEngine(t, 4)
	m := newMatrix(rows, cols, 40, 3)
	path, x := m.write(t, "zstd", 16), vectors(2, cols, 1).Data
	for range 10 {
		w, err := e.Open(path, MatrixOptions{Sidecar: m.sidecar})
		if err != nil {
			t.Fatal(err)
		}
		var products []Product
		for a := 0; a < rows; a += 4 {
			products = append(products, Product{W: w, A: a, B: a + 4, Y: make([]float32, 2*4)})
		}
		want := make([]float32, 2*rows)
		err = e.DotAll(t.Context(), x, products...)
		if err == nil {
			_, err = w.RowsDot(t.Context(), want, x, 0, rows)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range products {
			for v := range 2 {
				sameBits(t, fmt.Sprint("rows from ", p.A), p.Y[4*v:][:4], want[v*rows+p.A:][:4])
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDotAllOfNoRows: products with no rows read nothing, and leave the buffers of others where they are.
func TestDotAllOfNoRows(t *testing.T) {
	e, err := NewEngine(EngineOptions{Threads: 2, Budget: memory.NewLedger(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const rows, cols = 64, 203
	w, err := e.Open(newMatrix(rows, cols, 0, 3).write(t, "zstd", 8), MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	x, y := vectors(1, cols, 1).Data, make([]float32, rows)
	if _, err := w.RowsDot(t.Context(), y, x, 0, rows); err != nil {
		t.Fatal(err)
	}
	want := e.buffers.bytes()
	if err := e.DotAll(t.Context(), x, Product{W: w, A: 9, B: 9}, Product{W: w, A: 1, B: 1}); err != nil || e.buffers.bytes() != want {
		t.Errorf("%d bytes of buffers, want %d; %v", e.buffers.bytes(), want, err)
	}
}

// TestInputsHoldOneKind: whatever goes together, in whatever order, vectors as they are lie in one place, and those of
// lattice matrices apart. What a model's passes take is planned so.
func TestInputsHoldOneKind(t *testing.T) {
	const rows, cols = 40, 203
	e := newTestEngine(t, 2)
	of := family(t, e, rows, cols)
	x := vectors(3, cols, 1).Data
	names := []string{"lattice 0", "16 values, sidecar true", "lattice 1", "dense", "lossless BF16"}
	for turn := range names {
		var products []Product
		for _, name := range append(slices.Clone(names[turn:]), names[:turn]...) {
			products = append(products, Product{W: of[name], B: rows, Y: make([]float32, 3*rows)})
		}
		for n := range products {
			if err := e.DotAll(t.Context(), x, products[:n+1]...); err != nil {
				t.Fatal(err)
			}
		}
	}
	g, unused := &e.group, func(x any) bool { return reflect.ValueOf(x).Elem().IsZero() }
	if unused(&g.plain.packed) || !unused(&g.plain.quantized) || len(g.scaled) != 2 {
		t.Errorf("vectors as they are: %v; %d inputs of lattice matrices", &g.plain, len(g.scaled))
	}
	for _, in := range g.scaled {
		if !unused(&in.packed) || unused(&in.quantized) {
			t.Errorf("vectors of a lattice matrix: %v", in)
		}
	}
}

func TestDotAllRefuses(t *testing.T) {
	e := newTestEngine(t, 2)
	dense := func(rows, cols int) Matrix {
		d, err := e.NewDense(rows, cols, func([]float32, int, int) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	}
	w, other := dense(6, 8), dense(6, 4)
	x, y := make([]float32, 16), make([]float32, 12)
	for name, p := range map[string]Product{
		"rows":  {W: w, A: 0, B: 7, Y: make([]float32, 14)},
		"y":     {W: w, A: 0, B: 6, Y: y[:11]},
		"bias":  {W: w, A: 0, B: 6, Y: y, Bias: y[:5]},
		"other": {W: other, A: 0, B: 6, Y: make([]float32, 24)},
	} {
		if err := e.DotAll(t.Context(), x, Product{W: w, A: 0, B: 6, Y: y}, p); !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if err := e.DotAll(ctx, x, Product{W: w, A: 0, B: 6, Y: y}); !errors.Is(err, cause) {
		t.Error(err)
	}
	if err := e.DotAll(t.Context(), nil, Product{W: w, A: 0, B: 6}); err != nil {
		t.Error(err)
	}
	if err := e.DotAll(t.Context(), x); err != nil {
		t.Error(err)
	}
}
