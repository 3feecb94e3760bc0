package transformer

import (
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/latticetest"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// TestLayersCountLattices: what a layer's lattice matrices take of the Go heap is planned, and what vectors are multiplied
// by where they have escapes.
func TestLayersCountLattices(t *testing.T) {
	_, dir := losslessDemo(t)
	heap := func(chunk int) int64 {
		l, err := OpenLayers(t.Context(), located(t, dir), LayersOptions{Context: 100})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, n := l.Passes(chunk)
		return n
	}
	before, perToken := heap(1), heap(2)-heap(1)
	latticetest.Convert(t, dir, 1.0/130)
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	matrices, escaped := int64(0), int64(0)
	for _, e := range m.Tensors() {
		if e.Format != model.FormatLattice || !strings.Contains(e.Name, "layers.0.") {
			continue
		}
		f, err := m.OpenLattice(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		l := stream.LatticeLayout(f)
		f.Close()
		matrices, escaped = matrices+l.HeapBytes, max(escaped, 4*int64(l.Escaped))
	}
	if matrices == 0 || escaped == 0 {
		t.Fatalf("%d bytes of lattice matrices, %d a token of escapes", matrices, escaped)
	}
	if got := heap(1) - before; got < matrices {
		t.Errorf("%d bytes are planned for matrices that take %d", got, matrices)
	}
	if got := heap(2) - heap(1) - perToken; got < escaped {
		t.Errorf("%d bytes a token are planned for escapes that take %d", got, escaped)
	}
}
