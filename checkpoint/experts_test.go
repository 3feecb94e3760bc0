package checkpoint_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// TestExpertsTogether: experts that lie one by one read as one tensor, wherever a read begins and
// ends, and come apart again; what is not alike stays as it is.
func TestExpertsTogether(t *testing.T) {
	const rows, cols, count = 3, 4, 12 // 10 comes behind 2
	dir := t.TempDir()
	var entries []safetensors.Entry
	var all []float32
	add := func(name string, shape []int, from int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(from + i)
		}
		entries = append(entries, safetensors.Float32(name, shape, x))
	}
	for e := range count {
		add(fmt.Sprintf("a.experts.%d.up_proj.weight", e), []int{rows, cols}, 100*e)
		for i := range rows * cols {
			all = append(all, float32(100*e+i))
		}
	}
	add("a.experts.0.up_proj.bias", []int{rows}, 0)
	for _, e := range []int{0, 2} { // one is missing
		add(fmt.Sprintf("b.experts.%d.up_proj.weight", e), []int{rows, cols}, 0)
	}
	add("c.experts.0.up_proj.weight", []int{rows, cols}, 0) // of two shapes
	add("c.experts.1.up_proj.weight", []int{cols, rows}, 0)
	add("d.experts.0.up_proj.weight", []int{rows, cols}, 0) // whose name is taken
	add("d.experts.up_proj.weight", []int{1, rows, cols}, 0)
	if err := safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, nil); err != nil {
		t.Fatal(err)
	}
	src, err := checkpoint.OpenPath(t.Context(), dir, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var names []string
	for _, x := range src.Tensors() {
		names = append(names, x.Name)
	}
	want := []string{"a.experts.0.up_proj.bias", "a.experts.up_proj.weight", "b.experts.0.up_proj.weight", "b.experts.2.up_proj.weight",
		"c.experts.0.up_proj.weight", "c.experts.1.up_proj.weight", "d.experts.0.up_proj.weight", "d.experts.up_proj.weight"}
	if !slices.Equal(names, want) {
		t.Fatalf("tensors %v, want %v", names, want)
	}
	x := src.Tensors()[1]
	if !slices.Equal(x.Shape, []int{count, rows, cols}) || x.Size != 4*count*rows*cols || x.DType != "F32" || !x.IsFloat() {
		t.Errorf("%+v", x)
	}
	for _, span := range [][2]int{{0, len(all)}, {5, 6}, {11, 13}, {12, 24}, {7, 100}, {len(all) - 1, len(all)}} {
		got := make([]float32, span[1]-span[0])
		if err := x.ReadFloat32(t.Context(), got, span[0]); err != nil || !slices.Equal(got, all[span[0]:span[1]]) {
			t.Errorf("elements %v: %v, %v", span, got, err)
		}
	}
	if err := x.ReadFloat32(t.Context(), make([]float32, 2), len(all)-1); err == nil {
		t.Error("more elements than there are")
	}
	parts := x.Experts()
	if len(parts) != count {
		t.Fatalf("%d experts", len(parts))
	}
	for e, p := range parts {
		got, raw, whole := make([]float32, rows*cols), make([]byte, p.Size), make([]byte, x.Size)
		err := p.ReadFloat32(t.Context(), got, 0)
		if err == nil {
			err = p.ReadRaw(t.Context(), raw, 0)
		}
		if err == nil {
			err = x.ReadRaw(t.Context(), whole, 0)
		}
		if err != nil || p.Name != fmt.Sprintf("a.experts.%d.up_proj.weight", e) || !slices.Equal(p.Shape, []int{rows, cols}) ||
			!slices.Equal(got, all[e*rows*cols:][:rows*cols]) || !slices.Equal(raw, whole[int64(e)*p.Size:][:p.Size]) {
			t.Errorf("expert %d: %+v: %v", e, p, err)
		}
	}
	if alone := src.Tensors()[0].Experts(); len(alone) != 1 || alone[0] != src.Tensors()[0] {
		t.Errorf("a bias came apart: %v", alone)
	}
}
