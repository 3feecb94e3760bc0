package main

import (
	"context"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// generation is a generated text's receipt on its way.
type generation struct {
	*receipt.Generation
	wanted bool // somebody will see it: what takes time, such as hashing, is worth it
	hasher receipt.Hasher
}

// receiptWanted tells that somebody will see the receipt.
func (c *runCommand) receiptWanted() bool { return c.wanted() || c.JSON }

// newReceipt notes what is claimed before anything runs.
func (c *runCommand) newReceipt(env *environment, l *loaded, stop []int) (*generation, error) {
	g := &generation{Generation: receipt.NewGeneration(time.Now()), wanted: c.receiptWanted()}
	claims := &g.Claims
	if g.wanted {
		var err error
		if claims.Model, err = c.fingerprint(env, c.Dir); err != nil {
			return nil, err
		}
	}
	claims.Model.Architecture = l.model.Config.Architecture
	claims.CacheType, claims.Context, claims.Verify = c.Cache, l.model.Plan.Context, c.claim()
	claims.Sampling = c.sampling().Claim()
	claims.N, claims.StopIDs, claims.Private = c.N, append(claims.StopIDs, stop...), c.Private
	m := &g.Measurements
	m.Program.Version = programVersion()
	ran(m, &c.modelFlags, l.model)
	m.Paths = map[string]string{"model": c.Dir}
	return g, nil
}

// run has a generator continue a text and notes what it did.
func (g *generation) run(ctx context.Context, from *generate.Generator, s *transformer.Session, prompt []int, emit func(string) error) (*generate.Result, error) {
	var turn receipt.Turn
	if g.wanted {
		from.Logits = func(logits []float32) error {
			g.hasher.Add(logits)
			return nil
		}
	}
	result, err := from.Run(ctx, s, prompt, g.Claims.N, emit)
	turn.LogitsSHA256 = g.hasher.Sums()
	turn.PromptIDs, turn.OutputIDs, turn.Stop = result.PromptIDs, result.OutputIDs, string(result.Stop)
	g.AddTurn(turn, result.Text, result.PromptTime, result.GenerateTime, err)
	return result, err
}
