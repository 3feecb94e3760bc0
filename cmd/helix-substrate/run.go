package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/receipt"
)

type runCommand struct {
	Dir           string  `arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or a Hugging Face directory or GGUF file, run dense."`
	Prompt        string  `arg:"" optional:"" name:"prompt" placeholder:"PROMPT" help:"The text to continue; without one it is read from standard input."`
	N             int     `name:"n" short:"n" default:"128" help:"Tokens to generate at most."`
	Temperature   float32 `name:"temp" default:"0.8" help:"0 always takes the most likely token."`
	TopK          int     `name:"top-k" default:"40" help:"Only the k most likely tokens; 0: all."`
	TopP          float32 `name:"top-p" default:"0.95" help:"Only the most likely tokens that together reach p."`
	MinP          float32 `name:"min-p" default:"0.05" help:"Only tokens at least this share of the most likely one's probability."`
	RepeatPenalty float32 `name:"repeat-penalty" default:"1" help:"Logits of the last 64 tokens are divided by it."`
	Seed          uint64  `name:"seed" help:"Chooses the random numbers: the same seed gives the same text."`
	Chat          bool    `name:"chat" help:"Use the model's chat template and keep a conversation: a line of input is a turn."`
	System        string  `name:"system" placeholder:"TEXT" help:"With --chat: the system message."`
	Receipt       string  `name:"receipt" placeholder:"R.json" help:"Write the receipt there."`
	modelFlags
	JSON bool `name:"json" help:"Print the receipt instead of the text."`
}

func (c *runCommand) Help() string {
	return "Examples:\n  helix-substrate run tinystories \"Once upon a time\"\n  helix-substrate run tinystories --memory 64MiB --temp 0 < prompt.txt\n  helix-substrate run smollm2 --chat"
}

func (c *runCommand) Run(env *environment) error {
	sampler, err := generate.NewSampler(c.sampling())
	if err != nil {
		return usageError(err.Error())
	}
	if c.N < 1 {
		return usageError("-n must be positive")
	}
	var file *atomicfile.File
	if c.Receipt != "" {
		if file, err = createReceipt(c.Receipt, c.Dir); err != nil {
			return err
		}
		defer file.Abort()
	}
	l, err := c.loadFor(env, c.Dir, c.sampling().MemoryFor)
	if err != nil {
		return err
	}
	defer l.close()
	r := &running{c: c, env: env, loaded: l, generator: generate.Generator{Tokenizer: l.tokenizer, Sampler: sampler}}
	if r.receipt, err = c.newReceipt(env, l, r.generator.StopIDs()); err != nil {
		return err
	}
	if c.Chat {
		err = r.chat()
	} else {
		err = r.once()
	}
	return errors.Join(err, r.finish(file))
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
	receipt   *receipt.Generation
}

// once continues one text.
func (r *running) once() error {
	prompt := r.c.Prompt
	if prompt == "" {
		var err error
		if prompt, err = readPrompt(r.env.ctx, r.env.stdin); err != nil {
			return err
		}
	}
	if strings.TrimSpace(prompt) == "" {
		return fmt.Errorf("%w: give one as an argument or on standard input", generate.ErrPrompt)
	}
	if err := r.say(prompt); err != nil {
		return err
	}
	_, err := r.generate(r.loaded.tokenizer.Encode(prompt, true))
	return cmp.Or(err, r.say("\n"))
}

// generate runs the model, prints its text and notes it in the receipt. A run that
// was interrupted is an error.
func (r *running) generate(ids []int) (string, error) {
	result, err := r.generator.Run(r.env.ctx, r.loaded.session, ids, r.c.N, r.say)
	note(r.receipt, result, err)
	if result.Stop == generate.StopCancel {
		err = r.env.ctx.Err()
	}
	return result.Text, err
}

// note adds a run to a receipt.
func note(r *receipt.Generation, result *generate.Result, err error) {
	turn := receipt.Turn{PromptIDs: result.PromptIDs, OutputIDs: result.OutputIDs, Stop: string(result.Stop)}
	if err != nil {
		turn.Error = err.Error()
	}
	r.Add(turn, result.PromptTime, result.GenerateTime)
}

// say prints text, unless JSON is wanted.
func (r *running) say(text string) error {
	if r.c.JSON {
		return nil
	}
	_, err := io.WriteString(r.env.stdout, text)
	return err
}

// finish writes the receipt, into file if there is one, and prints the speed and the
// memory.
func (r *running) finish(file *atomicfile.File) error {
	m := &r.receipt.Measurements
	peak, memory := r.c.peakMemory()
	m.PeakRSSBytes = peak
	if file != nil {
		if err := receipt.WriteJSON(file, r.receipt); err != nil {
			return err
		}
		if err := file.Commit(); err != nil {
			return err
		}
	}
	if r.c.JSON {
		return receipt.WriteJSON(r.env.stdout, r.receipt)
	}
	fmt.Fprintf(r.env.stderr, "\nprompt %s; generated %s; %s\n",
		rate(m.PromptTokens, m.PromptPerSecond()), rate(m.OutputTokens, m.OutputPerSecond()), memory)
	if c := r.c.Memory; c > 0 && peak > int64(c) {
		fmt.Fprintf(r.env.stderr, "helix-substrate: warning: the limit was exceeded; please report this\n")
	}
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

// newReceipt notes what is claimed before anything runs. What takes reading the model
// is left out if nobody will see it.
func (c *runCommand) newReceipt(env *environment, l *loaded, stop []int) (*receipt.Generation, error) {
	r := receipt.NewGeneration(c.Dir, time.Now())
	claims := &r.Claims
	if c.Receipt != "" || c.JSON {
		var err error
		if claims.ModelSHA256, claims.TokenizerSHA256, err = generate.Fingerprint(env.ctx, c.Dir); err != nil {
			return nil, err
		}
	}
	claims.ProgramVersion = programVersion()
	claims.Architecture = l.model.Config.Architecture
	claims.CacheType, claims.Context = c.Cache, l.model.Plan.Context
	claims.Sampling = map[string]any{
		"temperature": c.Temperature, "top_k": c.TopK, "top_p": c.TopP, "min_p": c.MinP, "repeat_penalty": c.RepeatPenalty, "seed": c.Seed,
	}
	claims.N, claims.StopIDs = c.N, append(claims.StopIDs, stop...)
	r.Measurements.CPU, r.Measurements.LimitBytes = l.model.CPU(), int64(c.Memory)
	r.Measurements.Plan = l.model.Plan.Totals()
	return r, nil
}
