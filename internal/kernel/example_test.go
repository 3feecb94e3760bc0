package kernel_test

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

func Example() {
	table := kernel.NewTable([]float32{-1, 0, 0.5, 2})
	indices := []byte{
		0, 1, 2, // the row -1, 0, 0.5
		3, 3, 1, // the row  2, 2, 0
	}
	var x kernel.Activations
	x.Pack([]float32{10, 20, 30}, 1, 3)

	y := make([]float32, 2)
	kernel.Best().DotRows(y, 2, &x, table, indices, 2)
	fmt.Println(y)

	z := make([]float32, 3)
	kernel.Best().AccumulateRows(z, 3, []float32{1, 10}, 2, 1, table, indices, 3, 2, 3)
	fmt.Println(z)
	// Output:
	// [5 60]
	// [19 20 0.5]
}
