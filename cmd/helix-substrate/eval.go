package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/transformer"
)

type evalCommand struct {
	PPL evalPPLCommand `cmd:"" name:"ppl" help:"Perplexity on a text, in llama.cpp's way."`
	KLD evalKLDCommand `cmd:"" name:"kld" help:"How far a model's predictions are from the original's."`
}

// textFlags are the options of both evaluations.
type textFlags struct {
	Text   string `input:"file" name:"text" required:"" placeholder:"FILE" help:"The text to predict."`
	Window int    `name:"window" default:"256" help:"Tokens of a window; its second half is scored."`
	Limit  int    `name:"limit" placeholder:"N" help:"Use the first N windows only; 0: all."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// check refuses what makes no sense and gives the context its default.
func (f *textFlags) check(m *modelFlags) error {
	switch {
	case f.Window < 4:
		return usageError(fmt.Sprintf("--window %d: at least 4", f.Window))
	case f.Limit < 0:
		return usageError(fmt.Sprintf("--limit %d: must not be negative", f.Limit))
	case m.Context == 0:
		m.Context = f.Window
	case m.Context < f.Window:
		return usageError(fmt.Sprintf("--window %d exceeds --context %d", f.Window, m.Context))
	}
	return nil
}

// bytesPerToken bounds how much of a text --limit reads: tokens are shorter on
// average.
const bytesPerToken = 16

// read reads the text, or as much of it as --limit needs.
func (f *textFlags) read(o *opening) (string, error) {
	file, n, err := regularfile.Open(f.Text)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if most := int64(f.Limit) * int64(f.Window) * bytesPerToken; most > 0 {
		n = min(n, most)
	}
	if n > textMemory && o.limit.Need("", readingCost*n) != nil {
		return "", o.tooLong(n, readingCost*n)
	}
	var text strings.Builder
	text.Grow(int(n))
	if _, err := io.CopyN(&text, file, n); err != nil {
		return "", fmt.Errorf("%s: %w", f.Text, err)
	}
	return text.String(), nil
}

// ids reads and encodes the text.
func (f *textFlags) ids(o *opening) (ids []int, bos int, err error) {
	text, err := f.read(o)
	if err != nil {
		return nil, 0, err
	}
	if ids, err = o.encode(text); err != nil {
		return nil, 0, err
	}
	if n := f.Limit * f.Window; n > 0 && n < len(ids) {
		ids = ids[:n:n]
	}
	bos, ok := o.tokenizer.BOS()
	if !ok {
		bos = -1
	}
	return ids, bos, nil
}

type evalPPLCommand struct {
	Dir string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face directory, or a file of GGUF, safetensors or PyTorch."`
	textFlags
	modelFlags
}

func (c *evalPPLCommand) Help() string {
	return "Example:\n  helix-substrate eval ppl tinystories --text wiki.test.raw --window 512"
}

func (c *evalPPLCommand) Run(env *environment) error {
	if err := c.check(&c.modelFlags); err != nil {
		return err
	}
	opening, err := c.begin(env, c.Dir)
	if err != nil {
		return err
	}
	ids, bos, err := c.ids(opening)
	if err != nil {
		return err
	}
	l, err := opening.load(env)
	if err != nil {
		return err
	}
	defer l.close()
	p := newProgress(env.stderr)
	defer p.finish()
	r, err := evaluate.Perplexity(env.ctx, l.session, ids, c.Window, bos, func(done, total int, ppl float64) {
		p.update(int64(done), int64(total), fmt.Sprintf("perplexity %.4f", ppl))
	})
	if err != nil {
		return err
	}
	peak, memory := c.peakMemory()
	if c.Memory > 0 && peak > int64(c.Memory) {
		fmt.Fprintf(env.stderr, "helix-substrate: warning: %s; please report this\n", memory)
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"model": c.Dir, "text": c.Text, "window": c.Window, "result": r, "peak_rss_bytes": peak})
	}
	_, err = fmt.Fprintf(env.stdout, "perplexity %.4f ± %.4f (%d tokens in %d windows of %d; %s)\n", r.Perplexity, r.StdErr, r.Tokens, r.Windows, c.Window, memory)
	return err
}

type evalKLDCommand struct {
	Dir       string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"The model to judge."`
	Reference string `input:"model" name:"reference" required:"" placeholder:"DIR" help:"The original: a Hugging Face directory, GGUF file or model directory."`
	textFlags
	modelFlags
}

func (c *evalKLDCommand) Help() string {
	return "Example:\n  helix-substrate eval kld tinystories --reference TinyStories-656K --text stories.txt"
}

func (c *evalKLDCommand) Run(env *environment) error {
	if err := c.check(&c.modelFlags); err != nil {
		return err
	}
	if c.Memory > 0 {
		return usageError("--memory bounds one model; eval kld holds two: leave it out")
	}
	l, err := c.load(env, c.Dir)
	if err != nil {
		return err
	}
	defer l.close()
	opening, err := c.begin(env, c.Reference)
	if err != nil {
		return err
	}
	ids, bos, err := c.ids(opening)
	if err != nil {
		return err
	}
	reference, err := opening.load(env)
	if err != nil {
		return err
	}
	defer reference.close()
	if a, b := l.model.Config.Vocab, reference.model.Config.Vocab; a != b {
		return fmt.Errorf("%s has a vocabulary of %d, %s of %d: %w", c.Dir, a, c.Reference, b, transformer.ErrConfig)
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
