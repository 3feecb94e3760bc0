package stream

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
)

// TestRowsWithinTheBuffers reads single rows, streamed and from memory in 8, 6 and
// 4 bits, under a budget that has one block and the matrix, and without heap
// allocations.
func TestRowsWithinTheBuffers(t *testing.T) {
	for _, entries := range []int{256, 64, 16} {
		m := newMatrixOf(entries, 300, 512, 0, 6)
		want := make([]float32, len(m.indices))
		for i, index := range m.indices {
			want[i] = m.values[index]
		}
		b := memory.NewLedger(1 << 30)
		e, err := NewEngine(EngineOptions{Threads: 1, Budget: b})
		if err != nil {
			t.Fatal(err)
		}
		w, err := e.Open(m.write(t, "none", 128), MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f := w.File()
		others := b.Limit() - int64(f.MaxBlockLen())
		if err := b.Reserve("all but a block", others); err != nil {
			t.Fatal(err)
		}
		row := make([]float32, m.cols)
		read := func(kind string) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for r := range 20 {
				if err := w.Floats(t.Context(), row, 15*r, 15*r+1); err != nil {
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
		b.Release(w.layout.ResidentBytes)
		others -= w.layout.ResidentBytes
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		read("resident")
		if err := errors.Join(w.Close(), e.Close()); err != nil {
			t.Error(err)
		}
		if n := b.Used() - others; n != 0 {
			t.Errorf("%d bytes are in use after Close", n)
		}
	}
}

// TestSidecarBytes compares what a matrix with outliers takes of the heap with what
// is planned for it.
func TestSidecarBytes(t *testing.T) {
	m := newMatrix(600, 1000, 60000, 8)
	e := newTestEngine(t, 1)
	path := m.write(t, "none", 100)
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := heap()
	sidecar := *m.sidecar
	sidecar.Positions, sidecar.Values = slices.Clone(sidecar.Positions), slices.Clone(sidecar.Values)
	w, err := e.Open(path, MatrixOptions{Sidecar: &sidecar})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	got, want := heap()-before, w.layout.SidecarBytes(len(sidecar.Positions))
	if got < want || got > want+64<<10 {
		t.Errorf("%d outliers take %d bytes, planned %d", len(sidecar.Positions), got, want)
	}
	runtime.KeepAlive(m)
}
