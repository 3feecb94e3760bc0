package main

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/stream"
)

// product multiplies again and compares all that the receipt claims.
func (c *receiptReplayCommand) product(env *environment, r *signedReceipt) error {
	var claims receipt.MatMulClaims
	if err := r.DecodeClaims(receipt.OpMatMul, &claims); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	var paths map[string]string
	if r.Measurements != nil {
		paths = r.Measurements.Paths
	}
	p, err := c.productOf(cmp.Or(c.W, paths["w"]), cmp.Or(c.Sidecar, paths["sidecar"]), claims.Transpose, claims.Sidecar != nil)
	if err != nil {
		return err
	}
	if err := c.replayed(c.Path, claims.Verify); err != nil {
		return err
	}
	if claims.Verify != "" {
		p.options.Verify = c.policy(env)
	}
	p.options.Quality = stream.Quality{Mode: claims.Quality, MinCosine: float64(claims.MinCosine)}
	x, y, original, err := p.run(env)
	if err != nil {
		return err
	}
	again, err := p.claims(env.ctx, x, y, original)
	if err != nil {
		return err
	}
	again.Verify = claims.Verify
	if err := c.same(r, again); err != nil {
		return err
	}
	if err := c.sameOperations(r, original.Operation()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "OK %s: the product has the same hash\n", c.Path)
	return err
}

// productOf is the product that a receipt speaks of, with a sidecar or without, within
// this command's limits.
func (c *receiptReplayCommand) productOf(w, sidecar string, transpose, withSidecar bool) (*product, error) {
	if c.X == "" {
		return nil, usageError("--x: name the vectors of the product")
	}
	if w == "" {
		return nil, usageError("--w: the receipt does not say where the matrix is")
	}
	if !withSidecar {
		sidecar = ""
	} else if sidecar == "" {
		return nil, usageError("--sidecar: the receipt does not say where the sidecar is")
	}
	return &product{
		x: c.X, w: w, sidecar: sidecar, transpose: transpose, options: stream.MatrixOptions{Verify: cdna.Always},
		threads: c.Threads, cpu: c.CPU, memory: c.Memory,
	}, nil
}

// readOriginal reads the receipt of a product in the Python original's schema; ok is
// false for other documents.
func readOriginal(path string) (r receipt.StreamXW, ok bool, err error) {
	document, err := attest.ReadDocument(path)
	if err != nil {
		return r, false, err
	}
	if _, err := receipt.Canonical(document); err != nil {
		return r, false, fmt.Errorf("%s: %w", path, err)
	}
	if json.Unmarshal(document, &r) != nil || r.Schema != receipt.StreamXWSchema {
		return r, false, nil
	}
	return r, true, nil
}

// originalProduct multiplies again and compares the hashes of X and Y, which is all that
// such a receipt has.
func (c *receiptReplayCommand) originalProduct(env *environment, r *receipt.StreamXW) error {
	if len(r.Rows) > 0 {
		return fmt.Errorf("%s: the product used rows %v only: %w", c.Path, r.Rows, receipt.ErrInvalid)
	}
	p, err := c.productOf(cmp.Or(c.W, r.Path), cmp.Or(c.Sidecar, r.SidecarPath), r.Transpose, r.SidecarApplied)
	if err != nil {
		return err
	}
	_, _, again, err := p.run(env)
	if err != nil {
		return err
	}
	if got, want := again.ComputeProof.InputSHA256, r.ComputeProof.InputSHA256; got != want {
		return fmt.Errorf("%s: X has sha256 %s, the receipt says %s: %w", c.X, got, want, errReplay)
	}
	if got, want := again.ComputeProof.OutputSHA256, r.ComputeProof.OutputSHA256; got != want {
		return fmt.Errorf("%s: Y has sha256 %s, the receipt says %s: %w", p.w, got, want, errReplay)
	}
	_, err = fmt.Fprintf(env.stdout, "OK %s: the product has the same hash\n", c.Path)
	return err
}
