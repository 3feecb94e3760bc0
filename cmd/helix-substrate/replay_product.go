package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/stream"
)

// productReceipt reads the receipt of a product, of the Python original's schema; ok
// is false for other documents.
func productReceipt(path string) (r receipt.StreamXW, ok bool, err error) {
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

// claimedProduct checks that matrix and sidecar are those of the claims and replays the
// product.
func (c *receiptReplayCommand) claimedProduct(env *environment, r *signedReceipt) error {
	var claims receipt.MatMulClaims
	if err := r.DecodeClaims(receipt.OpMatMul, &claims); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if r.Measurements != nil {
		c.W = cmp.Or(c.W, r.Measurements.Paths["w"])
		c.Sidecar = cmp.Or(c.Sidecar, r.Measurements.Paths["sidecar"])
	}
	if c.W == "" {
		return usageError("--w: the receipt does not say where the matrix is")
	}
	f, err := cdna.Open(c.W)
	if err != nil {
		return err
	}
	defer f.Close()
	matrix, err := matrixClaim(f)
	if err != nil {
		return err
	}
	if matrix.SHA256 != claims.Matrix.SHA256 {
		return fmt.Errorf("%s: its fingerprint is %s, the receipt says %s: %w", c.W, matrix.SHA256, claims.Matrix.SHA256, errReplay)
	}
	p := receipt.StreamXW{Path: c.W, Transpose: claims.Transpose}
	p.ComputeProof.InputSHA256, p.ComputeProof.OutputSHA256 = claims.X.SHA256, claims.Y.SHA256
	if s := claims.Sidecar; s != nil && s.Applied {
		if c.Sidecar == "" {
			return usageError("--sidecar: the receipt does not say where the sidecar is")
		}
		sum, _, err := model.HashFile(env.ctx, c.Sidecar)
		if err != nil {
			return err
		}
		if sum != s.SHA256 {
			return fmt.Errorf("%s: its sha256 is %s, the receipt says %s: %w", c.Sidecar, sum, s.SHA256, errReplay)
		}
		p.SidecarApplied, p.SidecarPath = true, c.Sidecar
	}
	return c.product(env, &p)
}

// product multiplies again and compares the hashes of X and Y.
func (c *receiptReplayCommand) product(env *environment, r *receipt.StreamXW) error {
	if c.X == "" {
		return usageError("--x: name the vectors of the product")
	}
	if len(r.Rows) > 0 {
		return fmt.Errorf("%s: the product used rows %v only: %w", c.Path, r.Rows, receipt.ErrInvalid)
	}
	if c.CPU != "" {
		if err := os.Setenv("HELIX_CPU", c.CPU); err != nil { // as the kernels' own switch
			return err
		}
	}
	var x stream.Tensor
	var err error
	if x.Data, x.Shape, err = npy.ReadFloat32(c.X); err != nil {
		return err
	}
	if got := receipt.HashFloat32(x.Data); got != r.ComputeProof.InputSHA256 {
		return fmt.Errorf("%s: X has sha256 %s, the receipt says %s: %w", c.X, got, r.ComputeProof.InputSHA256, errReplay)
	}
	file := c.W
	if file == "" {
		file = r.Path
	}
	o := stream.MatrixOptions{Verify: cdna.Always}
	if r.SidecarApplied {
		sidecar := c.Sidecar
		if sidecar == "" {
			sidecar = r.SidecarPath
		}
		if o.Sidecar, err = cdna.OpenSidecar(sidecar); err != nil {
			return err
		}
	}
	engine, err := stream.NewEngine(stream.EngineOptions{Threads: c.Threads})
	if err != nil {
		return err
	}
	defer engine.Close()
	w, err := engine.Open(file, o)
	if err != nil {
		return err
	}
	defer w.Close()
	product := w.MatMul
	if r.Transpose {
		product = w.MatMulTransposed
	}
	y, _, err := product(env.ctx, x)
	if err != nil {
		return err
	}
	if got := receipt.HashFloat32(y.Data); got != r.ComputeProof.OutputSHA256 {
		return fmt.Errorf("%s: Y has sha256 %s, the receipt says %s: %w", filepath.Base(file), got, r.ComputeProof.OutputSHA256, errReplay)
	}
	fmt.Fprintf(env.stdout, "OK %s: the product has the same hash\n", c.Path)
	return nil
}
