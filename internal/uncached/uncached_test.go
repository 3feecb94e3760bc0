package uncached_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/uncached"
)

func TestReadAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	if err := os.WriteFile(path, want, 0o666); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f := uncached.New(file)
	for _, r := range [][2]int{{0, 10}, {1, 4096}, {4095, 9000}, {0, len(want)}, {len(want) - 3, 3}, {0, 10}} {
		got := make([]byte, r[1])
		if _, err := f.ReadAt(got, int64(r[0])); err != nil {
			t.Errorf("%v: %v", r, err)
		}
		if !bytes.Equal(got, want[r[0]:r[0]+r[1]]) {
			t.Errorf("%v: other bytes", r)
		}
	}
	if _, err := f.ReadAt(make([]byte, 4), int64(len(want))-2); err != io.EOF {
		t.Errorf("past the end: %v, want EOF", err)
	}
}
