package safetensors_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

func Example() {
	var file bytes.Buffer
	err := safetensors.Write(&file, []safetensors.Entry{
		safetensors.Float32("norm.weight", []int{3}, []float32{1, 0.5, 2}),
		{Name: "embed.weight", DType: dtype.BF16, Shape: []int{1, 2}, Data: []byte{0x80, 0x3f, 0x20, 0xc0}},
	}, map[string]string{"format": "pt"})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := safetensors.NewFile(context.Background(), bytes.NewReader(file.Bytes()), int64(file.Len()), "example.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range f.Tensors() {
		x := make([]float32, t.Len())
		err := t.ReadFloat32(context.Background(), x, 0)
		fmt.Println(t.Name, t.DType, t.Shape, x, err)
	}
	// Output:
	// embed.weight BF16 [1 2] [1 -2.5] <nil>
	// norm.weight F32 [3] [1 0.5 2] <nil>
}
