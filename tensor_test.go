package helix_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	helix "github.com/helix-substrate/helix-substrate"
)

func ExampleReadTensor() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "x.npy")
	if err := helix.WriteTensor(path, helix.Tensor{Shape: []int{2, 2}, Data: []float32{1, 2, 3, 4}}); err != nil {
		log.Fatal(err)
	}
	x, note, err := helix.ReadTensor(ctx, path) // numpy.save writes such files too
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %v %q\n", x.Shape, x.Data, note)
	// Output: [2 2] [1 2 3 4] ""
}
