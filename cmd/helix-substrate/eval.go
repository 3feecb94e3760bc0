package main

import (
	"context"
	"fmt"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/generate"
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

// ids reads and encodes the text, or as much of it as --limit needs.
func (f *textFlags) ids(ctx context.Context, o *generate.Opening) (ids []int, bos int, err error) {
	if ids, err = o.EncodeFile(ctx, f.Text, int64(f.Limit)*int64(f.Window)*bytesPerToken); err != nil {
		return nil, 0, err
	}
	if n := f.Limit * f.Window; n > 0 && n < len(ids) {
		ids = ids[:n:n]
	}
	bos, ok := o.Tokenizer.BOS()
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
	ids, bos, err := c.ids(env.ctx, opening)
	if err != nil {
		return err
	}
	l, err := c.finish(env, opening, c.Dir)
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
	Models    []string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"The models to judge: model directories, or run dense: Hugging Face directories, files of GGUF, safetensors or PyTorch."`
	Reference string   `input:"model" name:"reference" required:"" placeholder:"DIR" help:"The original: a Hugging Face directory, GGUF file or model directory. It runs once for all."`
	textFlags
	modelFlags
}

func (c *evalKLDCommand) Help() string {
	return "Examples:\n  helix-substrate eval kld tinystories --reference TinyStories-656K --text stories.txt\n" +
		"  helix-substrate eval kld model-Q4_K_M.gguf model-4bit --reference model-BF16.gguf --text wiki.txt --window 512 --limit 32"
}

// judged is what was found about one model.
type judged struct {
	Model  string                     `json:"model"`
	Result *evaluate.DivergenceResult `json:"result"`
}

func (c *evalKLDCommand) Run(env *environment) error {
	if err := c.check(&c.modelFlags); err != nil {
		return err
	}
	if c.Memory > 0 {
		return usageError("--memory bounds one model; eval kld holds several: leave it out")
	}
	list, err := c.judge(env)
	if err != nil {
		return err
	}
	return c.print(env, list)
}

// judge compares the models with the reference.
func (c *evalKLDCommand) judge(env *environment) ([]judged, error) {
	opening, err := c.begin(env, c.Reference)
	if err != nil {
		return nil, err
	}
	ids, bos, err := c.ids(env.ctx, opening)
	if err != nil {
		return nil, err
	}
	reference, err := c.finish(env, opening, c.Reference)
	if err != nil {
		return nil, err
	}
	defer reference.close()
	vocab := reference.model.Config.Vocab
	sessions := make([]*helix.Session, len(c.Models))
	for i, path := range c.Models {
		l, err := c.load(env, path)
		if err != nil {
			return nil, err
		}
		defer l.close()
		if n := l.model.Config.Vocab; n != vocab {
			return nil, fmt.Errorf("%s has a vocabulary of %d, %s of %d: %w", path, n, c.Reference, vocab, helix.ErrConfig)
		}
		sessions[i] = l.session
	}
	p := newProgress(env.stderr)
	defer p.finish()
	results, err := evaluate.Divergences(env.ctx, sessions, reference.session, vocab, ids, c.Window, bos, func(done, total int, kld float64) {
		p.update(int64(done), int64(total), fmt.Sprintf("mean KLD %.5f", kld))
	})
	if err != nil {
		return nil, err
	}
	p.finish()
	list := make([]judged, len(results))
	for i, r := range results {
		list[i] = judged{c.Models[i], r}
	}
	return list, nil
}

// print writes what was found: one model's lines, or a line for each.
func (c *evalKLDCommand) print(env *environment, list []judged) error {
	r := list[0].Result
	if c.JSON {
		all := map[string]any{"reference": c.Reference, "text": c.Text, "window": c.Window}
		if len(list) == 1 {
			all["model"], all["result"] = c.Models[0], r
		} else {
			all["models"] = list
		}
		return writeJSON(env.stdout, all)
	}
	if len(list) == 1 {
		writeFields(env.stdout, []field{
			{"KL divergence", fmt.Sprintf("mean %.5f, median %.5f, 99 %% %.5f, 99.9 %% %.5f, largest %.5f nats", r.MeanKLD, r.MedianKLD, r.P99KLD, r.P999KLD, r.MaxKLD)},
			{"perplexity", fmt.Sprintf("%.4f, the reference's %.4f (%+.4f)", r.Perplexity, r.ReferencePerplexity, r.DeltaPerplexity)},
			{"same top token", fmt.Sprintf("%.2f %%", 100*r.SameTop)},
			{"RMS Δp", fmt.Sprintf("%.3f %%", 100*r.RMSDeltaP)},
			{"tokens scored", fmt.Sprint(r.Tokens)},
		})
		return nil
	}
	rows := make([][]string, len(list))
	for i, m := range list {
		r := m.Result
		rows[i] = []string{m.Model, decimal(r.MeanKLD, 5), decimal(r.MedianKLD, 5), decimal(r.P99KLD, 5), decimal(r.P999KLD, 5), decimal(r.MaxKLD, 5),
			fmt.Sprintf("%+.4f", r.DeltaPerplexity), decimal(100*r.SameTop, 2), decimal(100*r.RMSDeltaP, 3)}
	}
	writeTable(env.stdout, []string{"model", "mean KLD", "median", "99 %", "99.9 %", "largest", "Δ perplexity", "same top %", "RMS Δp %"}, rows)
	_, err := fmt.Fprintf(env.stdout, "%d tokens scored; perplexity of the reference %.4f\n", r.Tokens, r.ReferencePerplexity)
	return err
}
