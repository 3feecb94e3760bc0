package receipt_test

import (
	"fmt"
	"log"

	"github.com/helix-substrate/helix-substrate/receipt"
)

func ExampleCompareVsCanonical() {
	canonical := []float32{1, 2, 3}
	c, err := receipt.CompareVsCanonical([]float32{1, 2, 3}, canonical)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("cosine %.6f, %s\n", c.Cosine, c.Status)
	// Output: cosine 1.000000, PASS
}
