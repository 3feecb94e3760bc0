package codebook_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/helix-substrate/helix-substrate/codebook"
)

func Example() {
	r := rand.New(rand.NewPCG(1, 2))
	weights := make([]float32, 100000)
	for i := range weights {
		weights[i] = float32(r.NormFloat64())
	}
	h := codebook.NewHistogram()
	if err := h.Add(weights); err != nil {
		fmt.Println(err)
		return
	}
	c, err := codebook.Design(h, codebook.Options{SNR: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	indices := make([]byte, len(weights))
	var sum codebook.ErrorSum
	c.Quantizer().Quantize(indices, weights, &sum)
	fmt.Printf("%d values, %.2f dB\n", len(c.Values), sum.Fidelity().SNR)
	// Output: 24 values, 20.01 dB
}
