package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/receipt"
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
		r, err := readReceipt(env, path, nil)
		if err != nil {
			return err
		}
		if r.Claims == nil {
			return fmt.Errorf("%s: it has no claims to compare: %w", path, receipt.ErrSchema)
		}
		claims[i] = r.Claims
	}
	differences, err := claimDifferences(claims[0], claims[1])
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.A, c.B, err)
	}
	if len(differences) == 0 {
		fmt.Fprintln(env.stdout, "both claim the same")
		return nil
	}
	rows := make([][]string, len(differences))
	for i, d := range differences {
		rows[i] = []string{d.path, plain(d.a), plain(d.b)}
	}
	writeTable(env.stdout, []string{"claim", "A", "B"}, rows)
	return errClaimsDiffer
}

// claimDifference is a claim that two receipts do not share, its values as JSON; the
// value of one that lacks it is "absent", without quotes.
type claimDifference struct{ path, a, b string }

// claimDifferences returns them in the order of a's claims, then those that only b has.
func claimDifferences(a, b json.RawMessage) ([]claimDifference, error) {
	var leaves [2][]leaf
	var values [2]map[string]string
	for i, claims := range []json.RawMessage{a, b} {
		var err error
		if leaves[i], err = flatten(claims, 0); err != nil {
			return nil, err
		}
		values[i] = map[string]string{}
		for _, l := range leaves[i] {
			values[i][l.path] = l.value
		}
	}
	var list []claimDifference
	for _, l := range leaves[0] {
		if other := cmp.Or(values[1][l.path], "absent"); other != l.value {
			list = append(list, claimDifference{l.path, l.value, other})
		}
	}
	for _, l := range leaves[1] {
		if _, ok := values[0][l.path]; !ok {
			list = append(list, claimDifference{l.path, "absent", l.value})
		}
	}
	return list, nil
}

// plain returns a JSON string without its quotes where it has no escapes.
func plain(value string) string {
	if s, ok := strings.CutPrefix(value, `"`); ok && !strings.Contains(s, `\`) {
		return strings.TrimSuffix(s, `"`)
	}
	return value
}
