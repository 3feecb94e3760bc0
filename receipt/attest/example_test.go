package attest_test

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

func Example() {
	ctx := context.Background()
	key, err := attest.GenerateKey(attest.Ed25519)
	if err != nil {
		panic(err)
	}
	payload := []byte(`{"said": "this"}`)
	envelope, err := attest.SignPayload(ctx, "application/json", payload, key)
	if err != nil {
		panic(err)
	}
	opened, err := attest.Open(ctx, envelope, false, key.PublicHalf())
	if err != nil {
		panic(err)
	}
	fmt.Println(string(opened.Payload), opened.Signatures[0].Valid)
	// Output: {"said": "this"} true
}
