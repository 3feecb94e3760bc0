package cdna

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestCopyBlocks: a file put together of files that have its rows has the bytes of one that was written whole; what has
// no place in it is refused.
func TestCopyBlocks(t *testing.T) {
	const rows, cols, block = 100, 50, 8
	random := rand.New(rand.NewPCG(1, 2))
	indices := make([]byte, rows*cols)
	for i := range indices {
		indices[i] = byte(random.ExpFloat64() * 10)
	}
	dir := t.TempDir()
	write := func(name string, a, b int, o WriterOptions) *File {
		o.Rows, o.Cols = b-a, cols
		w, err := Create(filepath.Join(dir, name), o)
		if err == nil {
			if _, err = w.Write(indices[a*cols : b*cols]); err == nil {
				_, err = w.Finish(nil)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for _, codec := range []string{"none", "zstd", "huff0"} {
		o := WriterOptions{Codebook: []float32{0, 1}, Codec: codec, BlockRows: block}
		write("whole", 0, rows, o)
		parts := []*File{write("first", 0, 3*block, o), write("second", 3*block, 9*block, o), write("last", 9*block, rows, o)}
		other := o
		other.BlockRows++
		wrong := []*File{write("other", 0, block, other), write("within", 0, block+1, o), write("many", 0, rows, o)}
		o.Rows, o.Cols = rows, cols
		w, err := Create(filepath.Join(dir, "joined"), o)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range parts {
			if i == 1 {
				for _, f := range wrong {
					if err := w.CopyBlocks(t.Context(), f); !errors.Is(err, ErrShape) {
						t.Errorf("%s: %v", f.name, err)
					}
				}
			}
			if err := w.CopyBlocks(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Finish(nil); err != nil {
			t.Fatal(err)
		}
		want, err1 := os.ReadFile(filepath.Join(dir, "whole"))
		got, err2 := os.ReadFile(filepath.Join(dir, "joined"))
		if err := errors.Join(err1, err2); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: other bytes, %v", codec, err)
		}
	}
}
