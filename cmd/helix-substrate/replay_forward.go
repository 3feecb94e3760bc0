package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt"
)

// forward reads the ids again and compares the logits of every token.
func (c *receiptReplayCommand) forward(env *environment, r *signedReceipt) error {
	var claims receipt.ForwardClaims
	if err := r.DecodeClaims(receipt.OpForward, &claims); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if len(claims.TokenIDs) == 0 || len(claims.TokenIDs) != len(claims.LogitsSHA256) {
		return fmt.Errorf("%s: %d ids, logits of %d: %w", c.Path, len(claims.TokenIDs), len(claims.LogitsSHA256), receipt.ErrInvalid)
	}
	if err := c.replayed(c.Path, claims.Verify); err != nil {
		return err
	}
	if err := c.sameModel(env, claims.Model); err != nil {
		return err
	}
	if err := c.runAs(claims.Context, claims.CacheType); err != nil {
		return err
	}
	l, err := c.load(env, c.Model)
	if err != nil {
		return err
	}
	defer l.close()
	err = l.session.Forward(env.ctx, claims.TokenIDs, 0, func(i int, logits []float32) error {
		if got := receipt.HashFloat32(logits); got != claims.LogitsSHA256[i] {
			return fmt.Errorf("%s: token %d: logits have sha256 %s, the receipt says %s: %w", c.Path, i, got, claims.LogitsSHA256[i], errReplay)
		}
		return nil
	})
	if err != nil {
		return err
	}
	again := claims
	again.Model.Architecture, again.Context = l.model.Config.Architecture, l.model.Plan.Context
	if err := c.same(r, again); err != nil {
		return err
	}
	operation, err := forwardOperation(&again)
	if err == nil {
		err = c.sameOperations(r, operation)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "OK %s: the logits of %d tokens have the same hashes\n", c.Path, len(claims.TokenIDs))
	return err
}
