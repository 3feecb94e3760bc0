package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

type receiptKeygenCommand struct {
	Out  string `output:"keys" name:"out" short:"o" required:"" placeholder:"FILE" help:"The private key; the public one goes to FILE.pub. Neither may exist."`
	Kind string `name:"kind" enum:"ed25519,ecdsa-p256" default:"ed25519" help:"${enum}; OpenSSF's model_signing verifies the second."`
}

func (c *receiptKeygenCommand) Help() string {
	return "Example:\n  helix-substrate receipt keygen -o alice.key"
}

func (c *receiptKeygenCommand) Run(env *environment) error {
	key, err := attest.GenerateKey(attest.KeyKind(c.Kind))
	if err != nil {
		return err
	}
	if err := key.Write(c.Out); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s and %s.pub: %s, id %s\n", c.Out, c.Out, key.Kind(), key.ID())
	return nil
}
