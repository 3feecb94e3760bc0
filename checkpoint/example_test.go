package checkpoint_test

import (
	"context"
	"fmt"
	"os"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/demo"
)

func Example() {
	dir, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := demo.Extract(dir); err != nil { // any Hugging Face directory
		panic(err)
	}

	c, err := checkpoint.Open(context.Background(), dir, checkpoint.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	for _, t := range c.Tensors() {
		if t.Name == "model.layers.0.self_attn.q_proj.weight" {
			row := make([]float32, t.Shape[1])
			if err := t.ReadFloat32(context.Background(), row, 3*t.Shape[1]); err != nil { // the fourth row
				panic(err)
			}
			fmt.Println(t.DType, t.Shape, row[0])
		}
	}
	// Output: BF16 [192 192] -0.032714844
}
