package gguf_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

func Example() {
	q8, err := gguf.AppendFloat32(nil, make([]float32, 2*32), gguf.Q8_0)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	err = gguf.Write(&file, []gguf.Entry{
		{Name: "output_norm.weight", Type: gguf.BF16, Shape: []int{2}, Data: []byte{0x80, 0x3f, 0x20, 0xc0}},
		{Name: "output.weight", Type: gguf.Q8_0, Shape: []int{2, 32}, Data: q8},
	}, []gguf.Pair{{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(5)}})
	if err != nil {
		fmt.Println(err)
		return
	}

	f, err := gguf.NewFile(context.Background(), bytes.NewReader(file.Bytes()), int64(file.Len()), "example.gguf")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.String("general.architecture"))
	fmt.Println(f.Uint("llama.block_count"))
	for _, t := range f.Tensors() {
		x := make([]float32, 2)
		err := t.ReadFloat32(context.Background(), x, 0)
		fmt.Println(t.Name, t.Type, t.Shape, t.Size(), x, err)
	}
	_, err = f.String("llama.block_count")
	fmt.Println(err)
	// Output:
	// llama <nil>
	// 5 <nil>
	// output.weight Q8_0 [2 32] 68 [0 0] <nil>
	// output_norm.weight BF16 [2] 4 [1 -2.5] <nil>
	// example.gguf: metadata key "llama.block_count": wrong kind of metadata value: uint32, not string
}
