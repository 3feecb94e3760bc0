package transformer

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// TestKeptBF16: a matrix that was bfloat16 and is kept as float32 takes half of that in memory, and gives the same products; one whose
// values are others after all stays float32.
func TestKeptBF16(t *testing.T) {
	const rows, cols = 70, 90
	dir := t.TempDir()
	m := &model.Manifest{ModelID: "kept", Format: model.FormatCDNA2, Codec: "none", Tensors: map[string]model.Tensor{}}
	values := map[string][]float32{}
	for _, name := range []string{"halves", "wholes"} {
		w := make([]float32, rows*cols)
		for i := range w {
			w[i] = math.Float32frombits(math.Float32bits(float32(math.Sin(float64(i)))) &^ 0xffff)
		}
		if name == "wholes" {
			w[len(w)-1] = 0.1
		}
		if err := npy.Create(filepath.Join(dir, name+".npy"), []int{rows, cols}, w); err != nil {
			t.Fatal(err)
		}
		m.Tensors[name] = model.Tensor{
			Format: model.FormatNPY, File: name + ".npy", Shape: []int{rows, cols}, DType: "<f4", SourceDType: "BF16", OriginalBytes: 2 * rows * cols,
		}
		values[name] = w
	}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	opened, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := stream.NewEngine(stream.EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s := &compressed{m: opened}
	x := make([]float32, 3*cols)
	for i := range x {
		x[i] = float32(math.Cos(float64(i)))
	}
	for _, tensor := range opened.Tensors() {
		name, w := tensor.Name, values[tensor.Name]
		want, err := e.NewDense(rows, cols, func(dst []float32, a, b int) error { copy(dst, w[a*cols:b*cols]); return nil })
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.exact(t.Context(), e, tensor)
		if err != nil {
			t.Fatal(err)
		}
		width := 2
		if name == "wholes" {
			width = 4
		}
		if n := got.ResidentBytes(); n < int64(width*rows*cols) || n > int64((width+1)*rows*cols) {
			t.Errorf("%s take %d bytes, want %d", name, n, width*rows*cols)
		}
		y, z := make([]float32, 3*rows), make([]float32, 3*rows)
		if _, err := want.RowsDot(t.Context(), y, x, 0, rows); err != nil {
			t.Fatal(err)
		}
		if _, err := got.RowsDot(t.Context(), z, x, 0, rows); err != nil {
			t.Fatal(err)
		}
		for i := range y {
			if math.Float32bits(y[i]) != math.Float32bits(z[i]) {
				t.Fatalf("%s: product %d is %v, want %v", name, i, z[i], y[i])
			}
		}
		want.Close()
		got.Close()
	}
}
