package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/helix-substrate/helix-substrate/generate"
)

// batchFlags are the options of run that answer many requests.
type batchFlags struct {
	Batch    string `input:"file" name:"batch" placeholder:"PROMPTS.jsonl" help:"Answer the requests in this file, several at a time: a line of JSON each, as in OpenAI's batch files."`
	Output   string `output:"answers" name:"output" short:"o" placeholder:"ANSWERS.jsonl" help:"With --batch: write the answers there, in the order of the requests."`
	Parallel int    `name:"parallel" default:"8" placeholder:"N" help:"With --batch: up to N texts go through the weights together; fewer where the memory limit has room for fewer."`

	given []string // names of the flags that were
}

// withBatch are the flags that go with --batch, ofRequests those whose values the requests have.
var (
	withBatch  = []string{"batch", "output", "parallel", "memory", "context", "cache", "canon", "chunk", "threads", "cpu", "verify", "root", "block-cache", "block-cache-size", "expert-use", "learn-experts"}
	ofRequests = []string{"n", "temp", "top-p", "seed"}
)

// AfterApply notes which flags were given.
func (f *batchFlags) AfterApply(k *kong.Context) error {
	for _, p := range k.Path {
		if p.Flag != nil {
			f.given = append(f.given, p.Flag.Name)
		}
	}
	return nil
}

// checkBatch refuses what would do nothing.
func (c *runCommand) checkBatch() error {
	for _, name := range c.given {
		switch {
		case c.Batch == "" && (name == "output" || name == "parallel"):
			return usageError(fmt.Sprintf("--%s is for --batch", name))
		case c.Batch != "" && slices.Contains(ofRequests, name):
			return usageError(fmt.Sprintf("--%s does not go with --batch: each request says its own", name))
		case c.Batch != "" && !slices.Contains(withBatch, name):
			return usageError(fmt.Sprintf("--%s does not go with --batch", name))
		}
	}
	switch {
	case c.Batch == "":
		return nil
	case c.Prompt != "":
		return usageError("a prompt does not go with --batch")
	case c.Output == "":
		return usageError("--batch needs -o ANSWERS.jsonl")
	case c.Parallel < 1 || c.Parallel > 1024:
		return usageError(fmt.Sprintf("--parallel %d is not in 1..1024", c.Parallel))
	}
	return nil
}

// batch answers a file of requests.
func (c *runCommand) batch(env *environment) error {
	at := time.Unix(0, 0).UTC() // never the clock's: the same requests give the same file
	if os.Getenv("SOURCE_DATE_EPOCH") != "" {
		var err error
		if at, err = templateTime(); err != nil {
			return err
		}
	}
	file, err := generate.OpenBatchFile(env.ctx, c.Batch, c.Output)
	if err != nil {
		return err
	}
	defer file.Close()
	options, err := c.options()
	if err != nil {
		return err
	}
	options.Reserve, options.ReservePerToken = generate.BatchMemory, generate.BatchMemoryPerToken
	o, err := generate.Begin(env.ctx, c.Dir, options)
	if err != nil {
		return err
	}
	parallel, err := o.Sequences(env.ctx, c.Parallel)
	if err != nil {
		return err
	}
	if parallel < c.Parallel {
		env.note(fmt.Sprintf("the memory limit has room for %d texts at a time, not %d", parallel, c.Parallel))
	}
	l, err := c.finishModel(env, o, c.Dir)
	if err != nil {
		return err
	}
	defer l.close()
	if err := c.check(l.model); err != nil {
		return err
	}
	b := &generate.Batch{Model: l.model, Tokenizer: l.tokenizer, Parallel: parallel, Lookup: generate.DefaultLookup(l.model.Plan)}
	start := time.Now()
	count, err := file.Answer(env.ctx, b, generate.BatchOptions{Name: modelName(c.Dir), Time: at})
	if err != nil {
		return err
	}
	if err := c.write(l.model); err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	if count.ToldTime && at.Unix() == 0 {
		env.note("the chat template asks for the date and was told 1970-01-01; SOURCE_DATE_EPOCH says another")
	}
	peak, memory := c.peakMemory()
	fmt.Fprintf(env.stderr, "%d answered, %d refused; prompts of %d tokens; generated %s%s; %s\n", count.Answered, count.Refused,
		count.PromptTokens, rate(count.OutputTokens, float64(count.OutputTokens)/took), expertsRead(l.model, count.PromptTokens+count.OutputTokens), memory)
	c.warnOfPeak(env, peak)
	if count.Refused > 0 {
		return fmt.Errorf("%d of %d requests were refused: %s says why", count.Refused, count.Answered+count.Refused, c.Output)
	}
	return nil
}

// modelName is what answers call the model at a path.
func modelName(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return filepath.Base(path)
}
