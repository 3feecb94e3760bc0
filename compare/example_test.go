package compare_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/compare"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

func Example() {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	a, b := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
	for path, w := range map[string][]float32{a: {1, 2, 3, 4}, b: {1, 2, 3, 4.5}} {
		if err := safetensors.Create(path, []safetensors.Entry{safetensors.Float32("w", []int{2, 2}, w)}, nil); err != nil {
			panic(err)
		}
	}
	report, err := compare.Models(context.Background(), a, b, nil)
	if err != nil {
		panic(err)
	}
	for _, d := range report.Tensors {
		fmt.Printf("%s %s in %d weight, by %v at most\n", d.Name, d.Status, d.Different, d.MaxAbsError)
	}
	// Output: w differs in 1 weight, by 0.5 at most
}
