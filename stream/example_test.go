package stream_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/stream"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "w.cdna2.hxz")

	weights := make([]float32, 48*64) // W [48, 64]
	for i := range weights {
		weights[i] = float32(i%13)/4 - 1.5
	}
	rows, err := matrix.NewSlice(weights, len(weights)/64, 64)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := convert.Matrix(ctx, rows, convert.Target{Name: "w", File: path}, convert.Options{}); err != nil {
		log.Fatal(err)
	}

	engine, err := stream.NewEngine(stream.EngineOptions{Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	w, err := engine.Open(path, stream.MatrixOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()

	x := stream.Tensor{Shape: []int{48}, Data: make([]float32, 48)}
	x.Data[0] = 2
	y, _, err := w.MatMul(ctx, x) // Y = X @ W, streamed
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Load(ctx); err != nil { // held from here on, packed
		log.Fatal(err)
	}
	again, _, err := w.MatMul(ctx, x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Y:", y.Shape, "begins", y.Data[:3])
	fmt.Println("resident at", w.ResidentBits(), "bits, the same bits out:", y.Data[5] == again.Data[5])
	// Output:
	// Y: [64] begins [-3 -2.5 -2]
	// resident at 4 bits, the same bits out: true
}
