package npy_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/npy"
)

func Example() {
	var file bytes.Buffer
	if err := npy.Write(&file, []int{2, 3}, []float32{0, 1, 2, 10, 11, 12}); err != nil {
		fmt.Println(err)
		return
	}
	r, err := npy.NewReader(context.Background(), bytes.NewReader(file.Bytes()), int64(file.Len()), "example.npy")
	if err != nil {
		fmt.Println(err)
		return
	}
	second := make([]float32, 3)
	err = r.ReadFloat32(context.Background(), second, 3)
	fmt.Println(r.Shape(), second, err)
	// Output: [2 3] [10 11 12] <nil>
}
