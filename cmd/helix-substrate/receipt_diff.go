package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	var claims [2]json.RawMessage
	for i, path := range []string{c.A, c.B} {
		r, err := readReceipt(env, path, nil)
		if err != nil {
			return err
		}
		claims[i] = r.Claims
	}
	differences, err := claimDifferences(claims[0], claims[1])
	if err != nil {
		return err
	}
	if len(differences) == 0 {
		fmt.Fprintln(env.stdout, "both claim the same")
		return nil
	}
	rows := make([][]string, len(differences))
	for i, d := range differences {
		rows[i] = []string{d.name, d.a, d.b}
	}
	writeTable(env.stdout, []string{"claim", "A", "B"}, rows)
	return errClaimsDiffer
}

// claimDifference is a claim, by its path in the JSON, that two receipts do not share.
type claimDifference struct{ name, a, b string }

// claimDifferences returns them by name.
func claimDifferences(a, b json.RawMessage) ([]claimDifference, error) {
	flat := [2]map[string]string{{}, {}}
	names := map[string]bool{}
	for i, claims := range []json.RawMessage{a, b} {
		if claims == nil {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(claims))
		decoder.UseNumber() // a float64 would not tell large integers apart
		var v any
		if err := decoder.Decode(&v); err != nil {
			return nil, err
		}
		flattenAll("", v, flat[i])
		for name := range flat[i] {
			names[name] = true
		}
	}
	var list []claimDifference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		values := [2]string{"absent", "absent"}
		for i := range flat {
			if v, ok := flat[i][name]; ok {
				values[i] = v
			}
		}
		if values[0] != values[1] {
			list = append(list, claimDifference{name, values[0], values[1]})
		}
	}
	return list, nil
}

// flattenAll is flatten with every element of every list.
func flattenAll(path string, v any, into map[string]string) {
	prefix := path
	if prefix != "" {
		prefix += "."
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			into[path] = "{}"
		}
		for key, inner := range v {
			flattenAll(prefix+key, inner, into)
		}
	case []any:
		if len(v) == 0 {
			into[path] = "[]"
		}
		for i, inner := range v {
			flattenAll(fmt.Sprintf("%s%d", prefix, i), inner, into)
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}
