package helix_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/model"
)

// weights are those of a layer with 64 inputs and 48 outputs.
func weights() []float32 {
	w := make([]float32, 48*64)
	for i := range w {
		w[i] = float32((i*7919)%1000-500) / 1000
	}
	return w
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "layer.cdna2.hxz")

	report, err := helix.Encode(ctx, path, "layer", weights(), 64, helix.Options{})
	if err != nil {
		log.Fatal(err)
	}
	x := helix.Tensor{Shape: []int{64}, Data: make([]float32, 64)}
	x.Data[0] = 1
	y, receipt, err := helix.MatMulTransposed(ctx, x, path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("at least 35 dB:", *report.SNRdB >= 35)
	fmt.Println("Y:", y.Shape, receipt.StreamingMode, receipt.Status)
	// Output:
	// at least 35 dB: true
	// Y: [48] true_block_streaming PASS
}

func ExampleEncode() {
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	report, err := helix.Encode(context.Background(), filepath.Join(dir, "w.cdna2.hxz"), "w", weights(), 64, helix.Options{SNR: 30})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d × %d, cosine above 0.999: %v\n", report.Rows, report.Cols, report.Cosine > 0.999)
	// Output: 48 × 64, cosine above 0.999: true
}

func ExampleDecode() {
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "w.cdna2.hxz")
	w := weights()
	if _, err := helix.Encode(context.Background(), path, "w", w, 64, helix.Options{}); err != nil {
		log.Fatal(err)
	}
	got, rows, cols, err := helix.Decode(context.Background(), path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d × %d, first weight off by less than 0.02: %v\n", rows, cols, got[0]-w[0] < 0.02 && w[0]-got[0] < 0.02)
	// Output: 48 × 64, first weight off by less than 0.02: true
}

func ExampleMatMul() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "w.cdna2.hxz")
	if _, err := helix.Encode(ctx, path, "w", weights(), 64, helix.Options{}); err != nil {
		log.Fatal(err)
	}
	x := helix.Tensor{Shape: []int{2, 48}, Data: make([]float32, 2*48)}
	y, receipt, err := helix.MatMul(ctx, x, path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Shape, receipt.ProjectionMode, "blocks verified:", receipt.BlocksVerified)
	// Output: [2 64] x_w blocks verified: 1
}

func ExampleConvert() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	src, dst := filepath.Join(dir, "TinyStories"), filepath.Join(dir, "tinystories")
	if err := demo.Extract(src); err != nil { // a checkpoint as they come from a hub
		log.Fatal(err)
	}
	if _, err := helix.Convert(ctx, src, dst, helix.Options{Method: "entropy"}); err != nil {
		log.Fatal(err)
	}
	m, err := model.Open(dst)
	if err != nil {
		log.Fatal(err)
	}
	formats := map[string]int{}
	for _, t := range m.Tensors() {
		formats[t.Format]++
	}
	fmt.Println(formats)
	// Output: map[cdna_v2:29 npy:9]
}
