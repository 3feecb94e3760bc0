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
	Dir           string  `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"A model directory; or run dense: a Hugging Face directory, or a file of GGUF, safetensors or PyTorch."`
	Prompt        string  `text:"" arg:"" optional:"" name:"prompt" placeholder:"PROMPT" help:"The text to continue; without one it is read from standard input."`
	N             int     `name:"n" short:"n" default:"128" help:"Tokens to generate at most."`
	Temperature   float32 `name:"temp" default:"0.8" help:"0 always takes the most likely token."`
	TopK          int     `name:"top-k" default:"40" help:"Only the k most likely tokens; 0: all."`
	TopP          float32 `name:"top-p" default:"0.95" help:"Only the most likely tokens that together reach p."`
	MinP          float32 `name:"min-p" default:"0.05" help:"Only tokens at least this share of the most likely one's probability."`
	RepeatPenalty float32 `name:"repeat-penalty" default:"1" help:"Logits of the last 64 tokens are divided by it."`
	Seed          uint64  `name:"seed" help:"Chooses the random numbers: the same seed gives the same text."`
	Chat          bool    `name:"chat" help:"Use the model's chat template and keep a conversation: a line of input is a turn."`
	System        string  `text:"" name:"system" placeholder:"TEXT" help:"With --chat: the system message."`
	receiptFlags
	Private bool `name:"private" help:"Leave prompt and text out of the receipt, as token ids too: only their hashes are in it."`
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
	if c.System != "" && !c.Chat {
		return usageError("--system is for --chat")
	}
	file, err := c.create()
	if err != nil {
		return err
	}
	if file != nil {
		defer file.Abort()
	}
	o, err := c.begin(env, c.Dir)
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
	l, err := o.load(env)
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
		err = r.once(prompt, ids)
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
	receipt   *generation
}

// prompt returns the text to continue and its ids.
func (c *runCommand) prompt(env *environment, o *opening) (text string, ids []int, err error) {
	if text = c.Prompt; text == "" {
		if text, err = readPrompt(env.ctx, env.stdin, o.tooLong); err != nil {
			return "", nil, err
		}
	}
	if strings.TrimSpace(text) == "" {
		return "", nil, fmt.Errorf("%w: give one as an argument or on standard input", generate.ErrPrompt)
	}
	ids, err = o.encode(text)
	return text, ids, err
}

// once continues one text.
func (r *running) once(prompt string, ids []int) error {
	if err := r.say(prompt); err != nil {
		return err
	}
	_, err := r.generate(ids)
	return cmp.Or(err, r.say("\n"))
}

// generate runs the model, prints its text and notes it in the receipt. A run that
// was interrupted is an error.
func (r *running) generate(ids []int) (string, error) {
	result, err := r.receipt.run(r.env.ctx, &r.generator, r.loaded.session, ids, r.say)
	if result.Stop == generate.StopCancel {
		err = r.env.ctx.Err()
	}
	return result.Text, err
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
func (r *running) finish(file *atomicfile.File) error {
	peak, memory := r.c.peakMemory()
	r.receipt.Measurements.Memory.PeakRSS = peak
	if r.receipt.wanted {
		e, err := r.receipt.Receipt(time.Now())
		if err != nil {
			return err
		}
		if err := keepReceipt(r.env.ctx, e, file, r.c.Log, (*receipt.Execution).Write); err != nil {
			return err
		}
		if r.c.JSON {
			return e.Write(r.env.stdout)
		}
	}
	if s := &r.receipt.Speed; s.PromptTokens > 0 { // else nothing was computed
		fmt.Fprintf(r.env.stderr, "\nprompt %s; generated %s; %s\n",
			rate(s.PromptTokens, s.PromptPerSecond()), rate(s.OutputTokens, s.OutputPerSecond()), memory)
	}
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
