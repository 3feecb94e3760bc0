package matrix_test

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/matrix"
)

func Example() {
	m, err := matrix.NewSlice([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	if err != nil {
		panic(err)
	}
	row := make([]float32, m.Cols())
	if err := m.ReadRows(context.Background(), row, 1, 2); err != nil {
		panic(err)
	}
	fmt.Println(m.Rows(), m.Cols(), row)
	// Output: 3 2 [3 4]
}
