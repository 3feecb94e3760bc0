package stream

import (
	"errors"
	"runtime"
	"testing"

	"github.com/helix-substrate/helix-substrate/codebook"
)

// TestRowsWithinTheBuffers reads single rows, streamed and from memory in 8, 6 and
// 4 bits, under a budget that has one block and the matrix, and without heap
// allocations.
func TestRowsWithinTheBuffers(t *testing.T) {
	for _, entries := range []int{256, 64, 16} {
		m := newMatrixOf(entries, 300, 512, 0, 6)
		want := make([]float32, len(m.indices))
		codebook.Decode(want, m.indices, m.values)
		b := NewBudget(1 << 30)
		e, err := NewEngine(EngineOptions{Threads: 1, Budget: b})
		if err != nil {
			t.Fatal(err)
		}
		w, err := e.Open(m.write(t, "none", 128), MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f := w.File()
		b.limit = int64(f.MaxBlockLen())
		row := make([]float32, m.cols)
		read := func(kind string) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for r := range 20 {
				if err := w.Floats(row, 15*r, 15*r+1); err != nil {
					t.Fatal(err)
				}
				sameBits(t, kind, row, want[15*r*m.cols:][:m.cols])
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > uint64(4*m.cols) {
				t.Errorf("%s, %d values: 20 rows took %d bytes of heap", kind, entries, n)
			}
		}
		read("streamed")
		b.limit += ResidentSize(f)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		read("resident")
		if err := errors.Join(w.Close(), e.Close()); err != nil {
			t.Error(err)
		}
		if b.Used() != 0 {
			t.Errorf("%d bytes are in use after Close", b.Used())
		}
	}
}
