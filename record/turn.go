package record

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// turn is a turn of a receipt that is made again, and what it comes to.
type turn struct {
	receipt.Turn
	again receipt.Turn
	cut   bool // it did not end by itself
}

func newTurn(of receipt.Turn) *turn {
	return &turn{
		Turn: of, again: receipt.Turn{Keep: of.Keep, PromptIDs: of.PromptIDs, Stop: of.Stop},
		cut: of.Stop == string(generate.StopCancel) || of.Stop == string(generate.StopError),
	}
}

// most is how many tokens are made, of so many at most: as far as the turn got.
func (t *turn) most(n int) int {
	if t.cut {
		return min(n, max(1, len(t.OutputIDs)))
	}
	return n
}

// logits compares what a token is drawn from; the error that ends the turn is ErrReplay.
func (t *turn) logits(x []float32) error {
	at := len(t.again.LogitsSHA256)
	if at >= len(t.LogitsSHA256) {
		return fmt.Errorf("token %d: the receipt has no logits for it: %w", at, ErrReplay)
	}
	got := receipt.HashFloat32(x)
	if got != t.LogitsSHA256[at] {
		return fmt.Errorf("token %d: logits have sha256 %s, the receipt says %s: %w", at, got, t.LogitsSHA256[at], ErrReplay)
	}
	t.again.LogitsSHA256 = append(t.again.LogitsSHA256, got)
	return nil
}

// end takes note of what the turn came to. An error like the one that the receipt has is none.
func (t *turn) end(ctx context.Context, result *generate.Result, err error) error {
	if result.Stop == generate.StopCancel {
		return ctx.Err()
	}
	if failed := t.Stop == string(generate.StopError) && !errors.Is(err, ErrReplay); err != nil && !failed {
		return err
	}
	t.again.PromptIDs, t.again.OutputIDs = result.PromptIDs, result.OutputIDs
	if !t.cut {
		t.again.Stop = string(result.Stop)
	}
	return nil
}
