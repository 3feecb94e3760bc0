package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type receiptDiffCommand struct {
	A string `input:"file" arg:"" name:"a" placeholder:"A" help:"A receipt, signed or not."`
	B string `input:"file" arg:"" name:"b" placeholder:"B" help:"Another."`
}

func (c *receiptDiffCommand) Help() string {
	return "Example:\n  helix-substrate receipt diff here.json there.json\n\nThe exit code is 0 if both claim the same, else 1. Measurements are not compared."
}

// errClaimsDiffer is the outcome of a comparison that found something.
var errClaimsDiffer = errors.New("the receipts claim different things")

func (c *receiptDiffCommand) Run(env *environment) error {
	var claims [2]json.RawMessage
	for i, path := range []string{c.A, c.B} {
		r, err := record.Read(env.ctx, path)
		if err != nil {
			return err
		}
		if r.Claims == nil {
			return fmt.Errorf("%s: it has no claims to compare: %w", path, receipt.ErrSchema)
		}
		claims[i] = r.Claims
	}
	differences, err := receipt.Differences(claims[0], claims[1])
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.A, c.B, err)
	}
	if len(differences) == 0 {
		fmt.Fprintln(env.stdout, "both claim the same")
		return nil
	}
	rows := make([][]string, len(differences))
	for i, d := range differences {
		rows[i] = []string{d.Path, receipt.Plain(d.A), receipt.Plain(d.B)}
	}
	writeTable(env.stdout, []string{"claim", "A", "B"}, rows)
	return errClaimsDiffer
}
