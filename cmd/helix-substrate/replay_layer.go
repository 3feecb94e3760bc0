package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

// layer runs a layer again and compares the hashes of X and Y.
func (c *receiptReplayCommand) layer(env *environment, r *signedReceipt) error {
	var claims receipt.LayerClaims
	if err := r.DecodeClaims(r.Operation(), &claims); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if c.X == "" {
		return usageError("--x: name the vectors that the layer took")
	}
	if err := c.replayed(c.Path, claims.Verify); err != nil {
		return err
	}
	if err := c.sameModel(env, claims.Model); err != nil {
		return err
	}
	if err := sayRounded(env, c.X); err != nil {
		return err
	}
	var x stream.Tensor
	var err error
	if x.Data, x.Shape, err = npy.ReadFloat32(c.X); err != nil {
		return err
	}
	if got := receipt.HashFloat32(x.Data); got != claims.X.SHA256 {
		return fmt.Errorf("%s: X has sha256 %s, the receipt says %s: %w", c.X, got, claims.X.SHA256, errReplay)
	}
	if claims.Operation != receipt.OpFFN {
		if err := c.runAs(claims.Context, claims.CacheType); err != nil {
			return err
		}
	}
	m, err := c.open(env, c.Model, layerMemory(x))
	if err != nil {
		return err
	}
	defer m.Close()
	again := claims
	_, detail, err := runLayer(env.ctx, m, &again, x)
	if err != nil {
		return err
	}
	if err := c.same(r, again); err != nil {
		return err
	}
	if err := c.sameOperations(r, detail.Operations()[0]); err != nil { // its products depend on the chunks
		return err
	}
	fmt.Fprintf(env.stdout, "OK %s: layer %d's output has the same hash\n", c.Path, claims.Layer)
	return nil
}
