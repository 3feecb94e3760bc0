package stream

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/memory"
)

// toldFile is a file on a disk that notes what it is told of, until that is read.
type toldFile struct {
	*bytes.Reader
	told   map[int64]bool // bytes
	untold int            // reads that nothing has told of
}

func (f *toldFile) Uncached() io.ReaderAt { return f }

func (f *toldFile) Ahead(off, n int64) {
	for at := range n {
		f.told[off+at] = true
	}
}

func (f *toldFile) ReadAt(p []byte, off int64) (int, error) {
	for at := range int64(len(p)) {
		if !f.told[off+at] {
			f.untold++
			break
		}
		delete(f.told, off+at)
	}
	return f.Reader.ReadAt(p, off)
}

// farFile is one that lies far away, with room for so many bytes.
type farFile struct {
	*toldFile
	room int64
}

func (f farFile) Uncached() io.ReaderAt { return f }
func (f farFile) AheadRoom() int64      { return f.room }

// TestAheadOfFar: a place far away is told of as many bytes as it has room for, across products and around to the first again.
func TestAheadOfFar(t *testing.T) {
	e, err := NewEngine(EngineOptions{Threads: 1, Budget: memory.NewLedger(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const rows, cols, count = 64, 50, 12
	var files [count]*toldFile
	var matrices [count]*Quantized
	var packed int64
	for i := range files {
		content, err := os.ReadFile(newMatrix(rows, cols, 0, uint64(i)).write(t, "none", 32)) // two blocks
		if err != nil {
			t.Fatal(err)
		}
		files[i] = &toldFile{Reader: bytes.NewReader(content), told: map[int64]bool{}}
		f, err := cdna.NewFile(t.Context(), farFile{files[i], 18 * 32 * cols}, int64(len(content)), "far")
		if err != nil {
			t.Fatal(err)
		}
		packed = int64(f.Block(0).CompLen)
		if matrices[i], err = e.New(f, MatrixOptions{}); err != nil {
			t.Fatal(err)
		}
		defer matrices[i].Close()
	}
	x, y := vectors(1, cols, 1).Data, make([]float32, rows)
	waiting := func() (bytes int64) {
		for _, f := range files {
			bytes += int64(len(f.told))
		}
		return bytes
	}
	for pass := range 3 {
		for i, m := range matrices {
			files[i].untold = 0
			if _, err := m.RowsDot(t.Context(), y, x, 0, rows); err != nil {
				t.Fatal(err)
			}
			if pass < 2 { // the last matrix's follower is known only then
				continue
			}
			if got := waiting(); files[i].untold > 0 || got < 13*packed || got > 18*packed {
				t.Errorf("product %d: %d bytes are on their way, want %d to %d; of %d blocks it was not told", i, got, 13*packed, 18*packed, files[i].untold)
			}
		}
	}
}

// TestAhead: the system is told of every block of streamed matrices before it is read, of the first ones too, once it is known
// which product follows another; of a file that is closed it is told no more.
func TestAhead(t *testing.T) {
	e, err := NewEngine(EngineOptions{Threads: 1, Budget: memory.NewLedger(1 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const rows, cols = 200, 50
	var files [3]*toldFile
	var matrices [3]*Quantized
	for i, blockRows := range []int{8, 200, 15} { // 25 blocks, one, 14
		content, err := os.ReadFile(newMatrix(rows, cols, 0, uint64(i)).write(t, "zstd", blockRows))
		if err != nil {
			t.Fatal(err)
		}
		files[i] = &toldFile{Reader: bytes.NewReader(content), told: map[int64]bool{}}
		f, err := cdna.NewFile(t.Context(), files[i], int64(len(content)), "told")
		if err != nil {
			t.Fatal(err)
		}
		if matrices[i], err = e.New(f, MatrixOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	x, y := vectors(1, cols, 1).Data, [2][]float32{make([]float32, rows), make([]float32, rows)}
	round := func(untold ...int) {
		t.Helper()
		for _, f := range files {
			f.untold = 0
		}
		err := e.DotAll(t.Context(), x, Product{W: matrices[0], B: rows, Y: y[0]}, Product{W: matrices[1], B: rows, Y: y[1]})
		if err == nil {
			_, err = matrices[2].RowsDot(t.Context(), y[0], x, 0, rows)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range untold {
			if files[i].untold != n {
				t.Errorf("of %d blocks of matrix %d it was not told, want %d", files[i].untold, i, n)
			}
		}
	}
	round(1, 0, 1) // the first ones of the two products
	round(1, 0, 0) // that the second follows the first is known
	round(0, 0, 0)
	for i, want := range []int{readAhead, 0, 0} { // what the next product begins with
		blocks := 0
		for b := range matrices[i].file.NumBlocks() {
			if files[i].told[matrices[i].file.Block(b).Offset] {
				blocks++
			}
		}
		if blocks != want {
			t.Errorf("of %d blocks of matrix %d it was told, and did not read them; want %d", blocks, i, want)
		}
	}
	files[2].untold = 0
	clear(files[2].told)
	if _, _, err := matrices[2].MatMul(t.Context(), vectors(1, rows, 1)); err != nil || files[2].untold != 1 || len(files[2].told) > 0 {
		t.Errorf("X @ W: of %d blocks it was not told, %v", files[2].untold, err)
	}
	files[2].untold = 0
	if err := matrices[2].Load(t.Context()); err != nil || files[2].untold != 1 || len(files[2].told) > 0 {
		t.Errorf("loading: of %d blocks it was not told, %v", files[2].untold, err)
	}
	if err := matrices[2].Close(); err != nil {
		t.Error(err)
	}
	clear(files[2].told)
	if _, err := matrices[0].RowsDot(t.Context(), y[0], x, 0, rows); err != nil {
		t.Fatal(err)
	}
	if len(files[2].told) > 0 {
		t.Error("it was told of a file that is closed")
	}
	for _, m := range matrices[:2] {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
