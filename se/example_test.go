package se_test

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/se"
	"github.com/helix-substrate/helix-substrate/se/route"
)

func Example() {
	weights := make([]float32, 64*64)
	for i := range 64 {
		weights[i*64+i] = 1 // the identity: all singular values equal
	}
	matrix, err := matrix.NewSlice(weights, 64, 64)
	if err != nil {
		panic(err)
	}
	r, err := se.Compute(context.Background(), matrix, se.Options{})
	if err != nil {
		panic(err)
	}
	policy := route.DefaultPolicy()
	d := route.Machine().Resolve(policy.Decide(r))
	fmt.Printf("Se %.3f = H %.3f · U %.3f · D %.3f\n", r.Se, r.H, r.U, r.D)
	fmt.Println("wanted:", d.Wanted, "used:", d.Used)
	// Output:
	// Se 0.871 = H 0.906 · U 0.984 · D 0.976
	// wanted: qpu used: cpu
}
