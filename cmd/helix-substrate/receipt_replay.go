package main

import (
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/transformer"
)

type receiptReplayCommand struct {
	Path    string   `input:"file" arg:"" name:"receipt" placeholder:"R" help:"The receipt of a generated text, signed or not; of a forward pass, a layer, a product or a conversion."`
	Model   string   `input:"model" name:"model" placeholder:"DIR" help:"The model (default: where the receipt says it was)."`
	Key     []string `input:"file" name:"key" placeholder:"FILE.pub" help:"A public key whose signature must be there and valid; may be repeated."`
	X       string   `input:"file" name:"x" placeholder:"X.npy" help:"Of a product or a layer: the vectors."`
	W       string   `input:"file" name:"w" placeholder:"FILE" help:"Of a product: the matrix (default: where the receipt says it was)."`
	Source  string   `input:"model" name:"source" placeholder:"SRC" help:"Of a conversion: what was converted (default: where the receipt says it was)."`
	Sidecar string   `input:"file" name:"sidecar" placeholder:"S.hxzo" help:"Of a product: the sidecar (default: where the receipt says it was)."`
	modelFlags
}

func (c *receiptReplayCommand) Help() string {
	return `Examples:
  helix-substrate receipt replay r.json --model tinystories --threads 1 --cpu generic
  helix-substrate receipt replay product.json --x x.npy --w layer.cdna2.hxz

Checks that the model is the one that the receipt names, generates the text again, and
compares ids, text and the logits of every token. Threads, memory and CPU may differ
from those of the run: the hashes may not. Context and cache are the receipt's.`
}

// errReplay is the outcome of a replay that came out differently.
var errReplay = errors.New("the replay differs")

func (c *receiptReplayCommand) Run(env *environment) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	if p, ok, err := readOriginal(c.Path); err != nil {
		return err
	} else if ok {
		if len(keys) > 0 {
			return fmt.Errorf("%s: %w", c.Path, errUnsigned)
		}
		return c.originalProduct(env, &p)
	}
	r, err := readReceipt(env, c.Path, keys)
	if err != nil {
		return err
	}
	if c.Model == "" && r.Measurements != nil {
		c.Model = r.Measurements.Paths["model"]
	}
	switch r.Operation() {
	case receipt.OpBlock, receipt.OpAttention, receipt.OpFFN:
		return c.layer(env, r)
	case receipt.OpForward:
		return c.forward(env, r)
	case receipt.OpMatMul:
		return c.product(env, r)
	case receipt.OpConvert:
		return c.conversion(env, r)
	}
	return c.generation(env, r)
}

// sameModel refuses a model that is not the one claimed.
func (c *receiptReplayCommand) sameModel(env *environment, claimed receipt.ModelClaim) error {
	if c.Model == "" {
		return usageError("--model: the receipt does not say where the model is")
	}
	found, err := c.fingerprint(env, c.Model)
	if err != nil {
		return err
	}
	for _, part := range []struct{ name, found, claimed string }{
		{"root is", found.RootSHA256, claimed.RootSHA256},
		{"files' content has sha256", found.ContentSHA256, claimed.ContentSHA256},
		{"tokenizer has sha256", found.TokenizerSHA256, claimed.TokenizerSHA256},
	} {
		if part.found != part.claimed {
			return fmt.Errorf("%s: its %s %s, the receipt's model has %s: %w", c.Model, part.name, orNone(part.found), orNone(part.claimed), errReplay)
		}
	}
	return nil
}

// runAs sets the context and the cache of the claims.
func (c *receiptReplayCommand) runAs(context int, cache string) error {
	if t := transformer.CacheType(cache); t != transformer.CacheF32 && t != transformer.CacheF16 {
		return fmt.Errorf("%s: cache_type %.20q: %w", c.Path, cache, receipt.ErrInvalid)
	}
	c.Context, c.Cache = context, cache
	return nil
}

// same compares all that a replay came to with all that the receipt claims, and names
// the first difference in the order of the claims' names.
func (c *receiptReplayCommand) same(r *signedReceipt, again any) error {
	claims, err := receipt.CanonicalOf(again)
	if err != nil {
		return err
	}
	rows, err := claimDifferences(r.Claims, claims)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if len(rows) > 0 {
		return fmt.Errorf("%s: %s is %s, the receipt says %s: %w", c.Path, rows[0].path, plain(rows[0].b), plain(rows[0].a), errReplay)
	}
	return nil
}

// sameOperations compares the names and hashes of the receipt's first operations, which
// stand beside the claims, with those of the replay.
func (c *receiptReplayCommand) sameOperations(r *signedReceipt, again ...receipt.Operation) error {
	for i, want := range again {
		if i >= len(r.Operations) {
			return fmt.Errorf("%s: operation %d, %s, is not in the receipt: %w", c.Path, i, want.Name, errReplay)
		}
		if got := r.Operations[i]; got.Name != want.Name || got.Proof != want.Proof {
			return fmt.Errorf("%s: operation %d is %s with output %s, the receipt says %.60q with %.70q: %w",
				c.Path, i, want.Name, want.Proof.Output, got.Name, got.Proof.Output, errReplay)
		}
	}
	return nil
}
