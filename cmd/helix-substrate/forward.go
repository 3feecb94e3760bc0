package main

import (
	"fmt"
	"io"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
)

type forwardCommand struct {
	Dir  string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face directory, or a file of GGUF, safetensors or PyTorch."`
	Text string `text:"" arg:"" optional:"" name:"text" placeholder:"TEXT" help:"The text to read."`
	IDs  []int  `name:"ids" placeholder:"1,2,3" help:"Token ids instead of a text."`
	Out  string `output:"array" name:"out" short:"o" required:"" placeholder:"LOGITS.npy" help:"Where the logits [tokens, vocabulary] go: row i follows token i."`
	receiptFlags
	modelFlags
}

func (c *forwardCommand) Help() string {
	return "Example:\n  helix-substrate forward tinystories \"Once upon a time\" -o logits.npy --receipt r.json"
}

func (c *forwardCommand) Run(env *environment) error {
	if (c.Text == "") == (len(c.IDs) == 0) {
		return usageError("give a text or --ids, one of them")
	}
	rec, err := newRecord(c.receiptFlags, c.Threads, map[string]string{"model": c.Dir, "logits": c.Out})
	if err != nil {
		return err
	}
	defer rec.abort()
	var opening *opening
	ids := c.IDs
	if c.Text == "" { // the tokenizer is not needed
		opening, err = c.beginIDs(env, c.Dir), nil
	} else if opening, err = c.begin(env, c.Dir); err == nil {
		ids, err = opening.encode(c.Text)
	}
	if err != nil {
		return err
	}
	l, err := opening.load(env)
	if err != nil {
		return err
	}
	defer l.close()
	claims := receipt.ForwardClaims{
		Operation: receipt.OpForward, Context: l.model.Plan.Context, CacheType: c.Cache, Verify: c.claim(),
		TokenIDs: ids,
	}
	if c.wanted() {
		if claims.Model, err = c.fingerprint(env, c.Dir); err != nil {
			return err
		}
	}
	claims.Model.Architecture = l.model.Config.Architecture
	start := time.Now()
	var hasher receipt.Hasher
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		out, err := npy.NewWriter(w, []int{len(ids), l.model.Config.Vocab})
		if err != nil {
			return err
		}
		err = l.session.Forward(env.ctx, ids, 0, func(_ int, logits []float32) error {
			if c.wanted() {
				hasher.Add(logits)
			}
			return out.Write(logits)
		})
		if err != nil {
			return err
		}
		return out.Close()
	})
	if err != nil {
		return err
	}
	elapsed := time.Since(start)
	if c.wanted() {
		claims.LogitsSHA256 = hasher.Sums()
		ran(&rec.Measurements, &c.modelFlags, l.model)
		operation, err := forwardOperation(&claims)
		if err != nil {
			return err
		}
		operation.TimingMS = receipt.Milliseconds(elapsed)
		rec.Add(operation)
	}
	if err := rec.write(env.ctx, claims); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s\n", c.Out, shape(len(ids), l.model.Config.Vocab))
	return err
}

// forwardOperation is the operation beside the claims, but for its time.
func forwardOperation(claims *receipt.ForwardClaims) (receipt.Operation, error) {
	output, err := receipt.Digest(claims.LogitsSHA256)
	return receipt.Operation{
		Name: receipt.OpForward, Elements: int64(len(claims.TokenIDs)),
		Proof: receipt.Proof{Input: receipt.HashIDs(claims.TokenIDs), Output: output},
	}, err
}
