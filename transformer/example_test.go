package transformer_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// openDemo opens the built-in model.
func openDemo(ctx context.Context, dir string) *transformer.Model {
	if err := demo.Extract(dir); err != nil {
		log.Fatal(err)
	}
	m, err := transformer.Open(ctx, dir, transformer.Options{Context: 64})
	if err != nil {
		log.Fatal(err)
	}
	return m
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	m := openDemo(ctx, dir)
	defer m.Close()

	err = m.Logits(ctx, []int{1, 15, 27}, func(i int, logits []float32) error {
		fmt.Println("after token", i, "as many logits as the vocabulary has:", len(logits) == m.Config.Vocab)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// after token 0 as many logits as the vocabulary has: true
	// after token 1 as many logits as the vocabulary has: true
	// after token 2 as many logits as the vocabulary has: true
}

func ExampleModel_Block() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	m := openDemo(ctx, dir)
	defer m.Close()

	x := stream.Tensor{Shape: []int{2, m.Config.Hidden}, Data: make([]float32, 2*m.Config.Hidden)}
	for i := range x.Data {
		x.Data[i] = float32(i%7) - 3
	}
	parts := &transformer.Trace{Layer: func(l transformer.LayerRun) { fmt.Println(l.Kind, "of", l.X.Shape[0], "vectors") }}
	y, err := m.Block(ctx, 0, x, 0, parts)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("same shape:", y.Shape[0] == x.Shape[0] && y.Shape[1] == x.Shape[1])
	// Output:
	// attention of 2 vectors
	// ffn of 2 vectors
	// block of 2 vectors
	// same shape: true
}
