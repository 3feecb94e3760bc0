package lattice_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/matrix"
)

func Example() {
	const rows, n, tokens = 256, 64, 1000
	r := rand.New(rand.NewPCG(1, 2))
	weights := make([]float32, rows*n)
	for i := range weights {
		weights[i] = float32(r.NormFloat64())
	}
	// The inputs: all have something in common, and each is larger than the one before.
	gram := make([]float32, n*(n+1)/2)
	x := make([]float64, n)
	for range tokens {
		common := r.NormFloat64()
		for j := range x {
			x[j] = float64(j+1) * (common + r.NormFloat64())
		}
		for i := range x {
			for j := range i + 1 {
				gram[i*(i+1)/2+j] += float32(x[i] * x[j] / tokens)
			}
		}
	}

	ctx := context.Background()
	f, err := lattice.NewFactor(ctx, gram, n, lattice.Damping(tokens, n), 0)
	if err != nil {
		panic(err)
	}
	w, err := matrix.NewSlice(weights, rows, n)
	if err != nil {
		panic(err)
	}
	q, err := lattice.Quantize(ctx, w, f, lattice.Options{Bits: 4.5})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.1f bits a weight, outputs at %.0f dB, weights at %.0f dB\n", q.Bits, q.OutputSNR, q.Fidelity.SNR)
	// Output: 4.5 bits a weight, outputs at 28 dB, weights at 16 dB
}
