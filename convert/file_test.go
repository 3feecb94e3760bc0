package convert_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/overwrite"
)

func ExampleEncodeFile() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := func(name string) string { return filepath.Join(dir, name) }
	weights := []float32{0, 1, 2, 3, 0, 1, 2, 3, 3, 2, 1, 0}
	if err := npy.Create(path("w.npy"), []int{3, 4}, weights); err != nil { // numpy.save
		log.Fatal(err)
	}

	encoded, err := convert.EncodeFile(ctx, path("w.npy"), convert.Target{File: path("w.cdna2.hxz")}, convert.Options{Method: convert.KMeans, Entries: 4})
	if err != nil {
		log.Fatal(err)
	}
	decoded, err := convert.DecodeFile(ctx, path("w.cdna2.hxz"), "", path("again.npy"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(encoded.Entries, "values; tensor", decoded.Tensor, decoded.Shape, decoded.DType)
	// Output: 4 values; tensor w [3 4] F32
}

// TestDecodeFileFails: nothing is written where a file is not what it should be, or the
// context ends.
func TestDecodeFileFails(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := npy.Create(path("w.npy"), []int{3, 4}, make([]float32, 12)); err != nil {
		t.Fatal(err)
	}
	if err := cdna.CreateV1(path("w.cdna"), 3, 4, []float32{0}, make([]byte, 12)); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx          context.Context
		src, sidecar string
		want         error
	}{
		{canceled, "w.cdna", "", context.Canceled},
		{t.Context(), "w.npy", "", cdna.ErrFormat},
		{t.Context(), "w.cdna", "w.npy", cdna.ErrFormat},
	} {
		sidecar := c.sidecar
		if sidecar != "" {
			sidecar = path(sidecar)
		}
		if _, err := convert.DecodeFile(c.ctx, path(c.src), sidecar, path("y.npy")); !errors.Is(err, c.want) {
			t.Errorf("%s with %q: %v, want %v", c.src, c.sidecar, err, c.want)
		}
		if _, err := os.Stat(path("y.npy")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s with %q: y.npy: %v", c.src, c.sidecar, err)
		}
	}
	if _, err := convert.EncodeFile(t.Context(), path("w.npy"), convert.Target{File: path("w.npy")}, convert.Options{}); !errors.Is(err, overwrite.ErrOutput) {
		t.Errorf("onto the source: %v", err)
	}
	if _, err := convert.DecodeFile(t.Context(), path("w.cdna"), "", path("w.cdna")); !errors.Is(err, overwrite.ErrOutput) {
		t.Errorf("onto the source: %v", err)
	}
	job := convert.Job{Source: dir, Output: filepath.Join(dir, "out")}
	if _, err := convert.Directory(t.Context(), job); !errors.Is(err, overwrite.ErrOutput) {
		t.Errorf("into the source: %v", err)
	}
	r, err := convert.DecodeFile(t.Context(), path("w.cdna"), "", path("y.npy"))
	if err != nil || len(r.Notes) != 1 {
		t.Errorf("version 1: %+v, %v", r, err)
	}
}
