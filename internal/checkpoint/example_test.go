package checkpoint_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

func Example() {
	dir, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	if err := safetensors.Create(path, []safetensors.Entry{safetensors.Float32("w", []int{2, 2}, []float32{1, 2, 3, 4})}, nil); err != nil {
		panic(err)
	}

	c, err := checkpoint.Open(dir)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	for _, t := range c.Tensors() {
		row := make([]float32, 2)
		if err := t.ReadFloat32(row, 2); err != nil {
			panic(err)
		}
		fmt.Println(t.Name, t.DType, t.Shape, row)
	}
	// Output: w F32 [2 2] [3 4]
}
