package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type receiptShowCommand struct {
	Path string `input:"file" arg:"" name:"receipt" placeholder:"R" help:"A receipt, signed or not."`
}

func (c *receiptShowCommand) Help() string {
	return "Example:\n  helix-substrate receipt show r.json"
}

func (c *receiptShowCommand) Run(env *environment) error {
	r, err := record.Read(env.ctx, c.Path)
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
			field{"program sha256", orNone(p.SHA256)},
			field{"executor", fmt.Sprintf("%s on %d workers%s", m.Executor.Used, m.Executor.Workers, routes(m.Executor.Routes))},
			field{"took", fmt.Sprintf("%.1f ms, peak memory %s", float64(m.DurationMS), size(m.Memory.PeakRSS))})
	}
	writeFields(env.stdout, fields)
	if r.Envelope != nil {
		for _, s := range r.Envelope.Signatures {
			fmt.Fprintf(env.stdout, "signed by %s (not checked: name the key with receipt verify --key)\n", printable(s.KeyID))
		}
		for _, s := range r.Subjects {
			fmt.Fprintf(env.stdout, "subject %s sha256 %s\n", printable(s.Name), printable(s.Digest["sha256"]))
		}
	}
	if r.Claims == nil {
		return nil
	}
	fmt.Fprintln(env.stdout, "\nclaims")
	leaves, err := receipt.Flatten(r.Claims, 8)
	if err != nil {
		return fmt.Errorf("%s: claims: %w", c.Path, err)
	}
	claims := make([]field, len(leaves))
	for i, l := range leaves {
		claims[i] = field{"  " + l.Path, receipt.Plain(l.Value)}
	}
	writeFields(env.stdout, claims)
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
