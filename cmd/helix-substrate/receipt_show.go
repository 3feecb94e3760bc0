package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/helix-substrate/helix-substrate/receipt"
)

type receiptShowCommand struct {
	Path string `arg:"" name:"receipt" placeholder:"R" help:"A receipt, signed or not."`
}

func (c *receiptShowCommand) Help() string {
	return "Example:\n  helix-substrate receipt show r.json"
}

func (c *receiptShowCommand) Run(env *environment) error {
	r, err := readReceipt(env, c.Path, nil)
	if err != nil {
		return err
	}
	fields := []field{
		{"operation", r.Operation()},
		{"receipt", r.SHA256},
		{"claims", orNone(r.ClaimsSHA256) + " (the same on every machine)"},
		{"previous", orNone(r.PreviousSHA256)},
		{"ended", r.Timestamp},
		{"outcome", fmt.Sprintf("%d operations: %d ok, %d warnings, %d failed", r.Total, r.OK, r.Warn, r.Fail)},
	}
	if m := r.Measurements; m != nil {
		p := m.Program
		fields = append(fields,
			field{"program", strings.Join([]string{p.Name, p.Version, p.Go, p.OS + "/" + p.Arch}, " ")},
			field{"executor", fmt.Sprintf("%s on %d workers%s", m.Executor.Used, m.Executor.Workers, routes(m.Executor.Routes))},
			field{"took", fmt.Sprintf("%.1f ms, peak memory %s", float64(m.DurationMS), size(m.Memory.PeakRSS))})
	}
	writeFields(env.stdout, fields)
	if r.envelope != nil {
		for _, s := range r.envelope.Signatures {
			fmt.Fprintf(env.stdout, "signed by %s (not checked: name the key with receipt verify --key)\n", s.KeyID)
		}
		for _, s := range r.subjects {
			fmt.Fprintf(env.stdout, "subject %s sha256 %s\n", s.Name, s.Digest["sha256"])
		}
	}
	if r.Claims == nil {
		return nil
	}
	fmt.Fprintln(env.stdout, "\nclaims")
	printClaims(env, r.Execution)
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func routes(counts map[string]int) string {
	if len(counts) == 0 {
		return ""
	}
	var list []string
	for route, n := range counts {
		list = append(list, fmt.Sprintf("%s: %d", route, n))
	}
	sort.Strings(list)
	return " (wanted -> used: " + strings.Join(list, ", ") + ")"
}

// printClaims prints the claims, long lists of ids and hashes by their number.
func printClaims(env *environment, e *receipt.Execution) {
	var claims any
	if json.Unmarshal(e.Claims, &claims) != nil {
		return
	}
	flat := map[string]string{}
	flatten("", claims, flat)
	names := make([]string, 0, len(flat))
	for name := range flat {
		names = append(names, name)
	}
	sort.Strings(names)
	fields := make([]field, len(names))
	for i, name := range names {
		fields[i] = field{"  " + name, flat[name]}
	}
	writeFields(env.stdout, fields)
}

// flatten turns JSON into paths and values: "turns.0.stop".
func flatten(path string, v any, into map[string]string) {
	join := func(part string) string {
		if path == "" {
			return part
		}
		return path + "." + part
	}
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			flatten(join(key), inner, into)
		}
	case []any:
		for i, inner := range v {
			switch inner.(type) {
			case map[string]any, []any:
				flatten(join(fmt.Sprint(i)), inner, into)
				continue
			}
			if len(v) > 8 {
				into[path] = fmt.Sprintf("%d values", len(v))
				return
			}
			flatten(join(fmt.Sprint(i)), inner, into)
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}
