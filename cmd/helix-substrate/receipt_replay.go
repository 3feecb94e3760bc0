package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
)

type receiptReplayCommand struct {
	Path    string   `arg:"" name:"receipt" placeholder:"R" help:"The receipt of a generated text, signed or not; of a forward pass, a layer or a product."`
	Model   string   `name:"model" placeholder:"DIR" help:"The model (default: where the receipt says it was)."`
	Key     []string `name:"key" placeholder:"FILE.pub" help:"A public key whose signature must be there and valid; may be repeated."`
	X       string   `name:"x" placeholder:"X.npy" help:"Of a product or a layer: the vectors."`
	W       string   `name:"w" placeholder:"FILE" help:"Of a product: the matrix (default: where the receipt says it was)."`
	Sidecar string   `name:"sidecar" placeholder:"S.hxzo" help:"Of a product: the sidecar (default: where the receipt says it was)."`
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
		return fmt.Errorf("%s: a conversion is done again by verify DIR --rebuild SRC: %w", c.Path, receipt.ErrSchema)
	}
	var claims receipt.GenerationClaims
	if err := r.DecodeClaims(receipt.OpGenerate, &claims); err != nil {
		return fmt.Errorf("%s: only generated texts, forward passes, layers and products are replayed: %w", c.Path, err)
	}
	if claims.Private {
		return fmt.Errorf("%s: its ids were kept private, so there is nothing to replay: %w", c.Path, receipt.ErrInvalid)
	}
	if err := c.sameModel(env, claims.Model); err != nil {
		return err
	}
	start := time.Now()
	turns, logits, err := c.replay(env, &claims)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "OK %s: %d turns and the logits of %d tokens have the same hashes, in %.1f s\n", c.Path, turns, logits, time.Since(start).Seconds())
	return nil
}

// sameModel refuses a model that is not the one claimed.
func (c *receiptReplayCommand) sameModel(env *environment, claimed receipt.ModelClaim) error {
	if c.Model == "" {
		return usageError("--model: the receipt does not say where the model is")
	}
	root, tokenizer, err := generate.Fingerprint(env.ctx, c.Model)
	if err != nil {
		return err
	}
	if root != claimed.RootSHA256 {
		return fmt.Errorf("%s: its root is %s, the receipt's model has %s: %w", c.Model, root, claimed.RootSHA256, errReplay)
	}
	if tokenizer != claimed.TokenizerSHA256 {
		return fmt.Errorf("%s: its tokenizer has sha256 %s, the receipt's model %s: %w", c.Model, tokenizer, orNone(claimed.TokenizerSHA256), errReplay)
	}
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
		return fmt.Errorf("%s: %s is %s, the receipt says %s: %w", c.Path, rows[0].name, rows[0].b, rows[0].a, errReplay)
	}
	return nil
}

// replay generates turn by turn and stops at the first difference.
func (c *receiptReplayCommand) replay(env *environment, claims *receipt.GenerationClaims) (turns, logits int, err error) {
	c.Context, c.Cache = claims.Context, claims.CacheType
	options := generate.Options(claims.Sampling)
	l, err := c.loadFor(env, c.Model, options.MemoryFor)
	if err != nil {
		return 0, 0, err
	}
	defer l.close()
	sampler, err := generate.NewSampler(options)
	if err != nil {
		return 0, 0, err
	}
	for i, turn := range claims.Turns {
		differs := func(what string, args ...any) error {
			return fmt.Errorf("%s: turn %d: %s: %w", c.Path, i, fmt.Sprintf(what, args...), errReplay)
		}
		if receipt.HashIDs(turn.PromptIDs) != turn.PromptSHA256 {
			return 0, 0, differs("the prompt's ids do not have the prompt's hash")
		}
		l.session.Reset(turn.Keep)
		at := 0
		g := generate.Generator{Tokenizer: l.tokenizer, Sampler: sampler, Stop: claims.StopIDs, Logits: func(x []float32) error {
			if at >= len(turn.LogitsSHA256) {
				return differs("token %d: the receipt has no logits for it", at)
			}
			if got := receipt.HashFloat32(x); got != turn.LogitsSHA256[at] {
				return differs("token %d: logits have sha256 %s, the receipt says %s", at, got, turn.LogitsSHA256[at])
			}
			at++
			logits++
			return nil
		}}
		n := claims.N
		if turn.Stop == string(generate.StopCancel) || turn.Stop == string(generate.StopError) {
			n = min(n, max(1, len(turn.OutputIDs))) // as far as it got
		}
		result, err := g.Run(env.ctx, l.session, turn.PromptIDs, n, func(string) error { return nil })
		if result.Stop == generate.StopCancel {
			return 0, 0, env.ctx.Err()
		}
		if err != nil {
			return 0, 0, err
		}
		if k := firstDifference(result.OutputIDs, turn.OutputIDs); k >= 0 {
			return 0, 0, differs("token %d: another id than the receipt's", k)
		}
		if got := receipt.HashIDs(result.OutputIDs); got != turn.OutputSHA256 {
			return 0, 0, differs("the ids have sha256 %s, the receipt says %s", got, turn.OutputSHA256)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(result.Text))); got != turn.TextSHA256 {
			return 0, 0, differs("the text has sha256 %s, the receipt says %s", got, turn.TextSHA256)
		}
		turns++
	}
	if got := receipt.HashIDs(idLists(claims)...); got != claims.TokensSHA256 {
		return 0, 0, fmt.Errorf("%s: all ids have sha256 %s, the receipt says %s: %w", c.Path, got, claims.TokensSHA256, errReplay)
	}
	return turns, logits, nil
}

// firstDifference returns where two lists first differ, −1 if they do not.
func firstDifference(a, b []int) int {
	if slices.Equal(a, b) {
		return -1
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func idLists(claims *receipt.GenerationClaims) (lists [][]int) {
	for _, t := range claims.Turns {
		lists = append(lists, t.PromptIDs, t.OutputIDs)
	}
	return lists
}
