package main

import (
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
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
	rec, err := c.receiptFlags.start(c.Threads, map[string]string{"model": c.Dir, "logits": c.Out})
	if err != nil {
		return err
	}
	defer rec.Abort()
	var opening *generate.Opening
	ids := c.IDs
	if c.Text == "" { // the tokenizer is not needed
		opening, err = c.beginIDs(c.Dir)
	} else if opening, err = c.begin(env, c.Dir); err == nil {
		ids, err = opening.Encode(env.ctx, c.Text)
	}
	if err != nil {
		return err
	}
	l, err := c.finish(env, opening, c.Dir)
	if err != nil {
		return err
	}
	defer l.close()
	var of *record.Model
	if c.wanted() {
		if of, err = c.fingerprintOf(env, l); err != nil {
			return err
		}
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	start := time.Now()
	claims, operation, err := record.ForwardFile(env.ctx, l.model, l.session, o, of, ids, c.Out)
	if err != nil {
		return err
	}
	if of != nil {
		record.DescribeRun(&rec.Measurements, l.model, o, of)
		operation.TimingMS = receipt.Milliseconds(time.Since(start))
		rec.Add(operation)
		if err := rec.Write(env.ctx, claims); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s\n", c.Out, shape(len(ids), l.model.Config.Vocab))
	return err
}
