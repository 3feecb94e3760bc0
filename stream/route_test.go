package stream

import (
	"errors"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/se"
)

// TestRoute: a matrix is computed where it is sent, which receipts say, or not at all.
func TestRoute(t *testing.T) {
	f := routed(t)
	engine, err := NewEngine(EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	d := se.Machine().Resolve(se.Decision{Wanted: se.GPU})
	m, err := engine.New(f, MatrixOptions{Route: &d})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x := Tensor{Data: make([]float32, f.Rows()), Shape: []int{f.Rows()}}
	y, stats, err := m.MatMul(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	if k := m.Record("").MatMul(x, y, stats).Kernel; k.ExecutorWanted != "gpu" || k.ExecutorUsed != "cpu" {
		t.Errorf("%+v", k)
	}
	for _, used := range []se.Backend{se.GPU, se.QPU, ""} {
		if _, err := engine.New(f, MatrixOptions{Route: &se.Decision{Used: used}}); !errors.Is(err, ErrOption) {
			t.Errorf("%q: %v, want ErrOption", used, err)
		}
	}
}

func routed(t *testing.T) *cdna.File {
	t.Helper()
	path := t.TempDir() + "/w.cdna2.hxz"
	w, err := cdna.Create(path, cdna.WriterOptions{TensorName: "w", Rows: 4, Cols: 3, BlockRows: 2, Codebook: []float32{-1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte{0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	f, err := cdna.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
