package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// generation generates a text again and compares all that the receipt claims.
func (c *receiptReplayCommand) generation(env *environment, r *signedReceipt) error {
	var claims receipt.GenerationClaims
	if err := r.DecodeClaims(receipt.OpGenerate, &claims); err != nil {
		return fmt.Errorf("%s: only generated texts, forward passes, layers, products and conversions are replayed: %w", c.Path, err)
	}
	if claims.Private {
		return fmt.Errorf("%s: its ids were kept private, so there is nothing to replay: %w", c.Path, receipt.ErrInvalid)
	}
	if len(claims.Turns) == 0 {
		return fmt.Errorf("%s: it has no turns, so there is nothing to replay: %w", c.Path, receipt.ErrInvalid)
	}
	if err := c.replayed(c.Path, claims.Verify); err != nil {
		return err
	}
	if err := c.sameModel(env, claims.Model); err != nil {
		return err
	}
	start := time.Now()
	again, err := c.generateAgain(env, &claims)
	if err != nil {
		return err
	}
	if err := c.same(r, &again.Claims); err != nil {
		return err
	}
	if err := c.sameOperations(r, again.Operations()...); err != nil {
		return err
	}
	logits := 0
	for _, t := range again.Claims.Turns {
		logits += len(t.LogitsSHA256)
	}
	if logits == 0 {
		return fmt.Errorf("%s: it has no logits, so there is nothing to replay: %w", c.Path, receipt.ErrInvalid)
	}
	_, err = fmt.Fprintf(env.stdout, "OK %s: %d turns and the logits of %d tokens have the same hashes, in %.1f s\n",
		c.Path, len(again.Claims.Turns), logits, time.Since(start).Seconds())
	return err
}

// generateAgain runs turn by turn, up to the first token whose logits differ, and returns
// what it would claim.
func (c *receiptReplayCommand) generateAgain(env *environment, claims *receipt.GenerationClaims) (*receipt.Generation, error) {
	if err := c.runAs(claims.Context, claims.CacheType); err != nil {
		return nil, err
	}
	options := generate.Options(claims.Sampling)
	l, err := c.load(env, c.Model)
	if err != nil {
		return nil, err
	}
	defer l.close()
	sampler, err := generate.NewSampler(options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	again := receipt.NewGeneration(time.Now())
	turns := claims.Turns
	again.Claims = *claims
	again.Claims.Turns = nil
	again.Claims.Model.Architecture, again.Claims.Context = l.model.Config.Architecture, l.model.Plan.Context
	for i, turn := range turns {
		before := again.Claims.TokenIDs()
		if turn.Keep < 0 || turn.Keep > len(before) {
			return nil, fmt.Errorf("%s: turn %d keeps %d tokens of %d: %w", c.Path, i, turn.Keep, len(before), receipt.ErrInvalid)
		}
		l.session.Reset(turn.Keep)
		sampler.Reset(before[:turn.Keep])
		replayed, text, err := turnAgain(env.ctx, l, sampler, claims, turn)
		if err != nil {
			return nil, fmt.Errorf("%s: turn %d: %w", c.Path, i, err)
		}
		again.AddTurn(replayed, text, 0, 0, nil)
	}
	return again, nil
}

// turnAgain runs one turn, up to the first token whose logits differ.
func turnAgain(ctx context.Context, l *loaded, sampler *generate.Sampler, claims *receipt.GenerationClaims, turn receipt.Turn) (replayed receipt.Turn, text string, err error) {
	replayed = receipt.Turn{Keep: turn.Keep, PromptIDs: turn.PromptIDs, Stop: turn.Stop}
	cut := turn.Stop == string(generate.StopCancel) || turn.Stop == string(generate.StopError)
	if cut && len(turn.LogitsSHA256) == 0 { // it ended within the prompt
		return replayed, "", l.session.Forward(ctx, turn.PromptIDs, len(turn.PromptIDs), nil)
	}
	g := generate.Generator{Tokenizer: l.tokenizer, Sampler: sampler, Stop: claims.StopIDs, Logits: func(x []float32) error {
		at := len(replayed.LogitsSHA256)
		if at >= len(turn.LogitsSHA256) {
			return fmt.Errorf("token %d: the receipt has no logits for it: %w", at, errReplay)
		}
		got := receipt.HashFloat32(x)
		if got != turn.LogitsSHA256[at] {
			return fmt.Errorf("token %d: logits have sha256 %s, the receipt says %s: %w", at, got, turn.LogitsSHA256[at], errReplay)
		}
		replayed.LogitsSHA256 = append(replayed.LogitsSHA256, got)
		return nil
	}}
	n := claims.N
	if cut {
		n = min(n, max(1, len(turn.OutputIDs))) // as far as it got
	}
	result, err := g.Run(ctx, l.session, turn.PromptIDs, n, func(string) error { return nil })
	if result.Stop == generate.StopCancel {
		return replayed, "", ctx.Err()
	}
	if failed := turn.Stop == string(generate.StopError) && !errors.Is(err, errReplay); err != nil && !failed {
		return replayed, "", err
	}
	replayed.PromptIDs, replayed.OutputIDs = result.PromptIDs, result.OutputIDs
	if !cut {
		replayed.Stop = string(result.Stop)
	}
	return replayed, result.Text, nil
}
