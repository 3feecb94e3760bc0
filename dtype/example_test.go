package dtype_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/dtype"
)

func Example() {
	file := bytes.NewReader([]byte{0x80, 0x3f, 0x20, 0xc0, 0x40, 0x40}) // 1, -2.5, 3 as BF16
	a := &dtype.Array{File: file, Len: 3, Type: dtype.BF16}
	window := make([]float32, 2)
	err := a.ReadFloat32(context.Background(), window, 1)
	fmt.Println(window, err)
	// Output: [-2.5 3] <nil>
}
