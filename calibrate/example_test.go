package calibrate_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/lattice"
)

// The built-in model is calibrated with a text of the caller's; then Σ of what a matrix is
// multiplied by can be read.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "calibrate")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	model, file := filepath.Join(dir, "model"), filepath.Join(dir, "model.statistics")
	if err := demo.Extract(model); err != nil {
		log.Fatal(err)
	}
	at, err := checkpoint.Find(context.Background(), model)
	if err != nil {
		log.Fatal(err)
	}
	story := strings.Repeat("Once upon a time there was a bird. It sang all day, and the cat liked it.\n", 100)
	err = calibrate.Run(ctx, at, file, calibrate.Options{Text: []text.Section{{Text: story}}, Tokens: 1024, Context: 64})
	if err != nil {
		log.Fatal(err)
	}
	s, err := calibrate.Open(ctx, file)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	in, _ := s.For("model.layers.0.mlp.up_proj.weight")
	fmt.Println(in.Key, in.N, in.Tokens)
	sigma := make([]float32, lattice.GramLen(in.N))
	if err := s.Gram(ctx, sigma, in.Key); err != nil {
		log.Fatal(err)
	}
	fmt.Println(in.Tensors, sigma[0] > 0)
	// Output:
	// layers.0.ffn_gate 192 896
	// [model.layers.0.mlp.gate_proj.weight model.layers.0.mlp.up_proj.weight] true
}
