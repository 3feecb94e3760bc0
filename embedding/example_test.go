package embedding_test

import (
	"context"
	"fmt"
	"log"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/embedding"
)

// A text's vector, from the states that a model has for its tokens.
func Example() {
	ctx := context.Background()
	at, err := checkpoint.Find(ctx, "testdata/models/mean")
	if err != nil {
		log.Fatal(err)
	}
	p, err := embedding.Open(ctx, at, "")
	if err == nil {
		err = p.Fit(&arch.Config{Hidden: 16, Context: 64, Bidirectional: true})
	}
	if err != nil {
		log.Fatal(err)
	}
	pool := p.Pool(2, 0)
	for i := range 2 {
		state := make([]float32, 16)
		state[i] = 1
		pool.Add(i, state)
	}
	fmt.Println(p.MaxTokens, pool.Vector(true)[:3], pool.Vector(false)[:3])
	// Output: 20 [0.5 0.5 0] [0.70710677 0.70710677 0]
}
