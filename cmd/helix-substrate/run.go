package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type runCommand struct {
	Dir           string  `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face directory, or a file of GGUF, safetensors or PyTorch."`
	Prompt        string  `text:"" arg:"" optional:"" name:"prompt" placeholder:"PROMPT" help:"The text to continue; without one it is read from standard input."`
	N             int     `name:"n" short:"n" default:"128" help:"Tokens to generate at most."`
	Temperature   float32 `name:"temp" default:"0.8" help:"0 always takes the most likely token."`
	TopK          int     `name:"top-k" default:"40" help:"Only the k most likely tokens; 0: all."`
	TopP          float32 `name:"top-p" default:"0.95" help:"Only the most likely tokens that together reach p."`
	MinP          float32 `name:"min-p" default:"0.05" help:"Only tokens at least this share of the most likely one's probability."`
	RepeatPenalty float32 `name:"repeat-penalty" default:"1" help:"Logits of the last 64 tokens are divided by it."`
	Seed          uint64  `name:"seed" help:"Chooses the random numbers: the same seed gives the same text."`
	Lookup        *int    `name:"lookup" placeholder:"N" help:"Guess up to N tokens from where the text's last ones stood before, and read weights once for all that come true; the text is the same (default: 16 where weights are streamed, else 0, or 8 with --draft)."`
	draftFlag
	Chat   bool   `name:"chat" help:"Use the model's chat template and keep a conversation: a line of input is a turn."`
	System string `text:"" name:"system" placeholder:"TEXT" help:"With --chat: the system message."`
	batchFlags
	learnFlag
	receiptFlags
	Private bool `name:"private" help:"Leave prompt and text out of the receipt, as token ids too: only their hashes are in it."`
	modelFlags
	JSON bool `name:"json" help:"Print the receipt instead of the text."`
}

func (c *runCommand) Help() string {
	return "Examples:\n  helix-substrate run tinystories \"Once upon a time\"\n  helix-substrate run tinystories --memory 64MiB --temp 0 < prompt.txt\n  helix-substrate run smollm2 --chat\n  helix-substrate run smollm2 --batch prompts.jsonl -o answers.jsonl"
}

func (c *runCommand) Run(env *environment) error {
	if err := c.checkBatch(); err != nil {
		return err
	}
	if c.Batch != "" {
		return c.batch(env)
	}
	sampler, err := generate.NewSampler(c.sampling())
	if err != nil {
		return usageError(err.Error())
	}
	if c.N < 1 {
		return usageError("-n must be positive")
	}
	if c.Lookup != nil && *c.Lookup < 0 {
		return usageError("--lookup must not be negative")
	}
	if c.System != "" && !c.Chat {
		return usageError("--system is for --chat")
	}
	out, err := record.Create(c.Receipt, c.Log)
	if err != nil {
		return err
	}
	defer out.Abort()
	options, err := c.optionsWith(c.draftFlag)
	if err != nil {
		return err
	}
	o, err := generate.Begin(env.ctx, c.Dir, options)
	if err != nil {
		return err
	}
	var prompt string
	var ids []int
	if !c.Chat {
		if prompt, ids, err = c.prompt(env, o); err != nil {
			return err
		}
	}
	l, err := c.finishModel(env, o, c.Dir)
	if err != nil {
		return err
	}
	defer l.close()
	if err := c.check(l.model); err != nil {
		return err
	}
	if draft := l.model.Draft; draft != nil {
		l.drafts = generate.NewPool(draft, 1)
	}
	r := &running{c: c, env: env, loaded: l, generator: generate.Generator{Tokenizer: l.tokenizer, Sampler: sampler, Lookup: generate.DefaultLookup(l.model.Plan), Draft: l.drafts}}
	if c.Lookup != nil {
		r.generator.Lookup = *c.Lookup
	}
	if r.receipt, err = c.newReceipt(env, l, r.generator.StopIDs()); err != nil {
		return err
	}
	if c.Chat {
		err = r.chat()
	} else {
		err = r.once(prompt, ids)
	}
	return errors.Join(err, r.finish(out))
}

// receiptWanted tells that somebody will see the receipt.
func (c *runCommand) receiptWanted() bool { return c.wanted() || c.JSON }

// newReceipt notes what is claimed before anything runs.
func (c *runCommand) newReceipt(env *environment, l *loaded, stop []int) (*record.Generation, error) {
	o, err := c.options()
	if err != nil {
		return nil, err
	}
	var of *record.Model
	if c.receiptWanted() {
		if of, err = c.fingerprintOf(env, l); err != nil {
			return nil, err
		}
	}
	return record.NewGeneration(l.model, o, of, record.GenerationOptions{
		Sampling: c.sampling(), N: c.N, StopIDs: stop, Private: c.Private, Version: programVersion(), Path: c.Dir,
	}), nil
}

func (c *runCommand) sampling() generate.Options {
	return generate.Options{
		Temperature: c.Temperature, TopK: c.TopK, TopP: c.TopP, MinP: c.MinP, RepeatPenalty: c.RepeatPenalty, Seed: c.Seed,
	}
}

// running is a run on its way.
type running struct {
	c         *runCommand
	env       *environment
	loaded    *loaded
	generator generate.Generator
	receipt   *record.Generation

	guessed, right int // tokens of all turns
}

// prompt returns the text to continue and its ids.
func (c *runCommand) prompt(env *environment, o *generate.Opening) (text string, ids []int, err error) {
	if text = c.Prompt; text == "" {
		if text, err = o.ReadPrompt(env.ctx, env.stdin); err != nil {
			return "", nil, err
		}
	}
	if strings.TrimSpace(text) == "" {
		return "", nil, fmt.Errorf("%w: give one as an argument or on standard input", generate.ErrPrompt)
	}
	ids, err = o.Encode(env.ctx, text)
	return text, ids, err
}

// once continues one text.
func (r *running) once(prompt string, ids []int) error {
	if err := r.say(prompt); err != nil {
		return err
	}
	s, err := r.loaded.model.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	err = r.generate(func(ctx context.Context, emit func(string) error) (*generate.Result, error) {
		return r.generator.Run(ctx, s, ids, r.c.N, emit)
	})
	return cmp.Or(err, r.say("\n"))
}

// generate runs the model, prints its text and notes it in the receipt. A run that
// was interrupted is an error.
func (r *running) generate(run func(context.Context, func(string) error) (*generate.Result, error)) error {
	result, err := r.receipt.Run(&r.generator, func() (*generate.Result, error) { return run(r.env.ctx, r.say) })
	r.guessed, r.right = r.guessed+result.Guessed, r.right+result.Right
	if result.Stop == generate.StopCancel {
		err = r.env.ctx.Err()
	}
	return err
}

// say prints text, unless JSON is wanted.
func (r *running) say(text string) error {
	if r.c.JSON {
		return nil
	}
	_, err := io.WriteString(r.env.stdout, text)
	return err
}

// finish writes the receipt, into file and log if there are any, and prints the speed
// and the memory.
func (r *running) finish(out *record.Output) error {
	if err := r.c.write(r.loaded.model); err != nil {
		return err
	}
	peak, memory := r.c.peakMemory()
	at, err := r.loaded.opening.Location(r.env.ctx)
	if err != nil {
		return err
	}
	r.receipt.Measurements.Memory.PeakRSS, r.receipt.Measurements.Fetched = peak, at.Fetched()
	r.receipt.Measurements.Cached = at.Cached()
	if n := at.Fetched(); n > 0 {
		memory += "; fetched " + size(n)
	}
	if n := at.Cached(); n > 0 {
		memory += ", " + size(n) + " from the cache of blocks"
	}
	if r.c.receiptWanted() {
		e, err := r.receipt.Receipt(time.Now())
		if err != nil {
			return err
		}
		if err := out.Keep(r.env.ctx, e, (*receipt.Execution).Write); err != nil {
			return err
		}
		if r.c.JSON {
			return e.Write(r.env.stdout)
		}
	}
	if s := &r.receipt.Speed; s.PromptTokens > 0 { // else nothing was computed
		guesses := ""
		if r.guessed > 0 {
			guesses = fmt.Sprintf("; %d of %d guesses came true", r.right, r.guessed)
		}
		fmt.Fprintf(r.env.stderr, "\nprompt %s; generated %s%s%s; %s\n",
			rate(s.PromptTokens, s.PromptPerSecond()), rate(s.OutputTokens, s.OutputPerSecond()), guesses, expertsRead(r.loaded.model, s.PromptTokens+s.OutputTokens), memory)
	}
	r.c.warnOfPeak(r.env, peak)
	return nil
}

// rate says how many tokens there were, and how fast if there were any.
func rate(tokens int, perSecond float64) string {
	text := fmt.Sprintf("%d tokens", tokens)
	if perSecond > 0 {
		text += fmt.Sprintf(", %.1f a second", perSecond)
	}
	return text
}
