package main

import (
	"fmt"
	"os"

	"github.com/helix-substrate/helix-substrate/evaluate"
)

type evalCommand struct {
	PPL evalPPLCommand `cmd:"" name:"ppl" help:"Perplexity on a text, in llama.cpp's way."`
	KLD evalKLDCommand `cmd:"" name:"kld" help:"How far a model's predictions are from the original's."`
}

// textFlags are the options of both evaluations.
type textFlags struct {
	Text   string `name:"text" required:"" placeholder:"FILE" help:"The text to predict."`
	Window int    `name:"window" default:"256" help:"Tokens of a window; its second half is scored."`
	Limit  int    `name:"limit" placeholder:"N" help:"Use the first N windows only; 0: all."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// ids reads and encodes the text.
func (f *textFlags) ids(l *loaded) (ids []int, bos int, err error) {
	text, err := os.ReadFile(f.Text)
	if err != nil {
		return nil, 0, err
	}
	ids = l.tokenizer.Encode(string(text), true)
	if n := f.Limit * f.Window; n > 0 && n < len(ids) {
		ids = ids[:n]
	}
	bos, ok := l.tokenizer.BOS()
	if !ok {
		bos = -1
	}
	return ids, bos, nil
}

type evalPPLCommand struct {
	Dir string `arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or a Hugging Face directory or GGUF file, run dense."`
	textFlags
	modelFlags
}

func (c *evalPPLCommand) Help() string {
	return "Example:\n  helix-substrate eval ppl tinystories --text wiki.test.raw --window 512"
}

func (c *evalPPLCommand) Run(env *environment) error {
	if c.Context == 0 {
		c.Context = c.Window
	}
	l, err := c.load(env, c.Dir)
	if err != nil {
		return err
	}
	defer l.close()
	ids, bos, err := c.ids(l)
	if err != nil {
		return err
	}
	p := newProgress(env.stderr)
	defer p.finish()
	r, err := evaluate.Perplexity(env.ctx, l.session, ids, c.Window, bos, func(done, total int, ppl float64) {
		p.update(int64(done), int64(total), fmt.Sprintf("perplexity %.4f", ppl))
	})
	if err != nil {
		return err
	}
	peak, memory := c.peakMemory()
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"model": c.Dir, "text": c.Text, "window": c.Window, "result": r, "peak_rss_bytes": peak})
	}
	_, err = fmt.Fprintf(env.stdout, "perplexity %.4f ± %.4f (%d tokens in %d windows of %d; %s)\n", r.Perplexity, r.StdErr, r.Tokens, r.Windows, c.Window, memory)
	return err
}

type evalKLDCommand struct {
	Dir       string `arg:"" name:"dir" placeholder:"DIR" help:"The model to judge."`
	Reference string `name:"reference" required:"" placeholder:"DIR" help:"The original: a Hugging Face directory, GGUF file or model directory."`
	textFlags
	modelFlags
}

func (c *evalKLDCommand) Help() string {
	return "Example:\n  helix-substrate eval kld tinystories --reference TinyStories-656K --text stories.txt"
}

func (c *evalKLDCommand) Run(env *environment) error {
	if c.Context == 0 {
		c.Context = c.Window
	}
	l, err := c.load(env, c.Dir)
	if err != nil {
		return err
	}
	defer l.close()
	dense := c.modelFlags
	dense.Memory = 0 // the reference is what it is
	reference, err := dense.load(env, c.Reference)
	if err != nil {
		return err
	}
	defer reference.close()
	ids, bos, err := c.ids(reference)
	if err != nil {
		return err
	}
	p := newProgress(env.stderr)
	defer p.finish()
	r, err := evaluate.Divergence(env.ctx, l.session, reference.session, l.model.Config.Vocab, ids, c.Window, bos, func(done, total int, kld float64) {
		p.update(int64(done), int64(total), fmt.Sprintf("mean KLD %.5f", kld))
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"model": c.Dir, "reference": c.Reference, "text": c.Text, "window": c.Window, "result": r})
	}
	writeFields(env.stdout, []field{
		{"KL divergence", fmt.Sprintf("mean %.5f, median %.5f, 99 %% %.5f, largest %.5f nats", r.MeanKLD, r.MedianKLD, r.P99KLD, r.MaxKLD)},
		{"perplexity", fmt.Sprintf("%.4f, the reference's %.4f (%+.4f)", r.Perplexity, r.ReferencePerplexity, r.DeltaPerplexity)},
		{"same top token", fmt.Sprintf("%.2f %%", 100*r.SameTop)},
		{"RMS Δp", fmt.Sprintf("%.3f %%", 100*r.RMSDeltaP)},
		{"tokens scored", fmt.Sprint(r.Tokens)},
	})
	return nil
}
