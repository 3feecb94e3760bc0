package main

import (
	"cmp"
	"fmt"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// conversion compares the claims with the model directory's manifest, and makes every
// file again from the source.
func (c *receiptReplayCommand) conversion(env *environment, r *signedReceipt) error {
	var claims receipt.ConvertClaims
	if err := r.DecodeClaims(receipt.OpConvert, &claims); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	dir, src := c.Model, c.Source
	if r.Measurements != nil {
		dir, src = cmp.Or(dir, r.Measurements.Paths["output"]), cmp.Or(src, r.Measurements.Paths["source"])
	}
	if dir == "" || src == "" {
		return usageError("--model, --source: the receipt does not say where they are")
	}
	m, err := model.Open(dir)
	if err != nil {
		return err
	}
	if err := c.same(r, convertClaims(m.Manifest)); err != nil {
		return err
	}
	if err := m.CheckFiles(env.ctx); err != nil {
		return err
	}
	progress := newProgress(env.stderr)
	defer progress.finish()
	checks, err := convert.Rebuild(env.ctx, dir, convert.Job{Source: src, Options: convert.Options{Threads: c.Threads}, Progress: progress.update})
	if err != nil {
		return err
	}
	for _, k := range checks {
		if k.Err != nil {
			return fmt.Errorf("%s: %s: %w: %w", c.Path, k.Name, errReplay, k.Err)
		}
	}
	_, err = fmt.Fprintf(env.stdout, "OK %s: the conversion gives the same %d files\n", c.Path, len(claims.Outputs))
	return err
}
