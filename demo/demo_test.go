package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestExtract compares with the checkpoint that the data was made from.
func TestExtract(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 6 {
		t.Fatalf("%d files, %v; want 6", len(entries), err)
	}
	src := "../../shared/models/helix-demo"
	if _, err := os.Stat(src); err != nil {
		t.Skip("the source is not beside the repository")
	}
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(src, e.Name()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from the source: run go generate ./demo (%v)", e.Name(), err)
		}
	}
}
