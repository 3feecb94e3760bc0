package export_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/compare"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/export"
)

// A model goes in without loss and comes out as it was.
func Example() {
	dir, err := os.MkdirTemp("", "export")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	source, model, out := filepath.Join(dir, "source"), filepath.Join(dir, "model"), filepath.Join(dir, "model.safetensors")
	if err := demo.Extract(source); err != nil {
		panic(err)
	}
	ctx := context.Background()
	job := convert.Job{Source: source, Output: model, Options: convert.Options{Method: convert.Lossless}}
	if _, err := convert.Directory(ctx, job); err != nil {
		panic(err)
	}
	if _, err := export.File(ctx, model, out, export.Options{}); err != nil {
		panic(err)
	}
	r, err := compare.Models(ctx, source, out, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println("identical:", r.Identical)
	// Output: identical: true
}
