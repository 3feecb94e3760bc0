package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
)

type receiptDiffCommand struct {
	A string `arg:"" name:"a" placeholder:"A" help:"A receipt, signed or not."`
	B string `arg:"" name:"b" placeholder:"B" help:"Another."`
}

func (c *receiptDiffCommand) Help() string {
	return "Example:\n  helix-substrate receipt diff here.json there.json\n\nThe exit code is 0 if both claim the same, else 1. Measurements are not compared."
}

// errClaimsDiffer is the outcome of a comparison that found something.
var errClaimsDiffer = errors.New("the receipts claim different things")

func (c *receiptDiffCommand) Run(env *environment) error {
	flat := [2]map[string]string{}
	for i, path := range []string{c.A, c.B} {
		r, err := readReceipt(env, path, nil)
		if err != nil {
			return err
		}
		var claims any
		if r.Claims != nil {
			if err := json.Unmarshal(r.Claims, &claims); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		flat[i] = map[string]string{}
		flattenAll("", claims, flat[i])
	}
	names := map[string]bool{}
	for _, f := range flat {
		for name := range f {
			names[name] = true
		}
	}
	var rows [][]string
	for name := range names {
		a, inA := flat[0][name]
		b, inB := flat[1][name]
		if a == b && inA == inB {
			continue
		}
		if !inA {
			a = "absent"
		}
		if !inB {
			b = "absent"
		}
		rows = append(rows, []string{name, a, b})
	}
	if len(rows) == 0 {
		fmt.Fprintln(env.stdout, "both claim the same")
		return nil
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i][0] < rows[j][0] })
	writeTable(env.stdout, []string{"claim", "A", "B"}, rows)
	return errClaimsDiffer
}

// flattenAll is flatten with every element of every list.
func flattenAll(path string, v any, into map[string]string) {
	prefix := path
	if prefix != "" {
		prefix += "."
	}
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			flattenAll(prefix+key, inner, into)
		}
	case []any:
		for i, inner := range v {
			flattenAll(fmt.Sprintf("%s%d", prefix, i), inner, into)
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}
