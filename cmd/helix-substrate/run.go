package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

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
	l, err := c.load(env, c.Dir, 0)
	if err != nil {
		return err
	}
	defer l.close()
	r := &running{c: c, env: env, loaded: l, generator: generate.Generator{Tokenizer: l.tokenizer, Sampler: sampler}}
	r.receipt = c.newReceipt(l, time.Now())
	if c.Chat {
		err = r.chat()
	} else {
		err = r.once()
	}
	return errors.Join(err, r.finish())
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
		text, err := io.ReadAll(io.LimitReader(r.env.stdin, 1<<24))
		if err != nil {
			return fmt.Errorf("read the prompt: %w", err)
		}
		prompt = string(text)
	}
	if strings.TrimSpace(prompt) == "" {
		return fmt.Errorf("%w: give one as an argument or on standard input", generate.ErrPrompt)
	}
	r.say(prompt)
	_, err := r.generate(r.loaded.tokenizer.Encode(prompt, true))
	r.say("\n")
	return err
}

// chat keeps a conversation: a line of standard input is a turn of the user's.
func (r *running) chat() error {
	t := r.loaded.tokenizer
	bos := ""
	if id, ok := t.BOS(); ok {
		bos = t.Token(id)
	}
	eos := ""
	if ids := t.EOS(); len(ids) > 0 {
		eos = t.Token(ids[0])
	}
	template, err := generate.NewChatTemplate(t.ChatTemplate(), bos, eos)
	if err != nil {
		return err
	}
	var messages []generate.Message
	if r.c.System != "" {
		messages = append(messages, generate.Message{Role: "system", Content: r.c.System})
	}
	input := bufio.NewScanner(r.env.stdin)
	input.Buffer(nil, 1<<20)
	f, isFile := r.env.stdin.(*os.File)
	interactive := isFile && term.IsTerminal(int(f.Fd())) && !r.c.JSON
	first := r.c.Prompt
	next := func() (string, bool) {
		if line := first; line != "" {
			first = ""
			return line, true
		}
		if interactive {
			fmt.Fprint(r.env.stdout, "> ")
		}
		ok := input.Scan()
		return input.Text(), ok
	}
	for r.env.ctx.Err() == nil {
		line, ok := next()
		if !ok {
			return input.Err()
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		messages = append(messages, generate.Message{Role: "user", Content: line})
		text, err := template.Render(messages)
		if err != nil {
			return err
		}
		// The whole conversation again, but only what is new goes through the model.
		answer, err := r.generate(r.unseen(t.Encode(text, false)))
		r.say("\n")
		if err != nil {
			return err
		}
		messages = append(messages, generate.Message{Role: "assistant", Content: strings.TrimSpace(answer)})
	}
	return nil
}

// unseen cuts off the tokens that the session holds already and drops from the
// session what the new conversation does not begin with.
func (r *running) unseen(ids []int) []int {
	known := r.receipt.Claims.TokenIDs()
	n := 0
	for n < len(known) && n < len(ids)-1 && n < r.loaded.session.Position() && known[n] == ids[n] {
		n++
	}
	r.loaded.session.Reset(n)
	r.receipt.Claims.Restart(n)
	return ids[n:]
}

// generate runs the model and prints its text.
func (r *running) generate(ids []int) (string, error) {
	result, err := r.generator.Run(r.env.ctx, r.loaded.session, ids, r.c.N, func(text string) error {
		r.say(text)
		return nil
	})
	r.receipt.Add(result.PromptIDs, result.OutputIDs, string(result.Stop), result.PromptTime, result.GenerateTime)
	return result.Text, err
}

func (r *running) say(text string) {
	if !r.c.JSON {
		fmt.Fprint(r.env.stdout, text)
	}
}

// finish prints the speed and the memory and writes the receipt.
func (r *running) finish() error {
	m := &r.receipt.Measurements
	peak, memory := r.c.peakMemory()
	m.PeakRSSBytes = peak
	if r.c.Receipt != "" {
		err := atomicfile.Write(r.c.Receipt, func(w io.Writer) error { return receipt.WriteJSON(w, r.receipt) })
		if err != nil {
			return err
		}
	}
	if r.c.JSON {
		return receipt.WriteJSON(r.env.stdout, r.receipt)
	}
	fmt.Fprintf(r.env.stderr, "\nprompt %d tokens, %.1f a second; generated %d, %.1f a second; %s\n",
		m.PromptTokens, m.PromptPerSecond(), m.OutputTokens, m.OutputPerSecond(), memory)
	if c := r.c.Memory; c > 0 && peak > int64(c) {
		fmt.Fprintf(r.env.stderr, "helix-substrate: warning: the limit was exceeded; please report this\n")
	}
	return nil
}

// newReceipt notes what is claimed before anything runs.
func (c *runCommand) newReceipt(l *loaded, now time.Time) *receipt.Generation {
	r := receipt.NewGeneration(c.Dir, now)
	r.Claims.Architecture = l.model.Config.Architecture
	r.Claims.Sampling = map[string]any{
		"temperature": c.Temperature, "top_k": c.TopK, "top_p": c.TopP, "min_p": c.MinP, "repeat_penalty": c.RepeatPenalty, "seed": c.Seed,
	}
	r.Claims.CacheType, r.Claims.Context = c.Cache, l.model.Plan.Context
	r.Measurements.CPU, r.Measurements.LimitBytes = l.model.CPU(), int64(c.Memory)
	r.Measurements.Plan = l.model.Plan.Totals()
	return r
}
