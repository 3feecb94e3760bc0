package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/record"
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

func (c *receiptReplayCommand) Run(env *environment) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	progress := newProgress(env.stderr)
	defer progress.finish()
	replayed, err := c.replay(env, keys, record.ReplayOptions{
		Name: c.Path, Model: c.Model, X: c.X, W: c.W, Sidecar: c.Sidecar, Source: c.Source,
		Options: options, Progress: progress.update, Note: func(text string) {
			if text == record.NoteUnverified {
				text = "--verify off: " + text
			}
			env.note(text)
		},
	})
	if missing := new(record.InputError); errors.As(err, &missing) {
		return usageError("--" + strings.Join(missing.Inputs, ", --") + ": " + missing.Reason)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "OK %s: %s\n", c.Path, replayed)
	return err
}

// replay replays a receipt, the Python original's or ours.
func (c *receiptReplayCommand) replay(env *environment, keys []*attest.PublicKey, o record.ReplayOptions) (*record.Replayed, error) {
	original, err := record.ReadProduct(c.Path)
	if err != nil {
		return nil, err
	}
	if original != nil {
		if len(keys) > 0 {
			return nil, fmt.Errorf("%s: %w", c.Path, record.ErrUnsigned)
		}
		return record.ReplayProduct(env.ctx, original, o)
	}
	r, err := record.Read(env.ctx, c.Path, keys...)
	if err != nil {
		return nil, err
	}
	return record.Replay(env.ctx, r.Execution, o)
}
