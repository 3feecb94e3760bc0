package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type demoCommand struct {
	Out    string `output:"directory" name:"out" short:"o" placeholder:"DIR" help:"Keep the demo's files in this new directory (default: a temporary one, removed at the end)."`
	Prompt string `text:"" name:"prompt" default:"Once upon a time, there was a little" help:"The story's beginning."`
	Seed   uint64 `name:"seed" default:"1" help:"Another seed, another story."`
	JSON   bool   `name:"json" help:"Print a JSON report."`
}

func (c *demoCommand) Help() string {
	return "Example:\n  helix-substrate demo"
}

// demoMemory is the limit under which the demo's story is told.
const demoMemory = 48 << 20

// demoReport is what demo prints as JSON.
type demoReport struct {
	Conversion *convert.Report    `json:"conversion"`
	Verified   int                `json:"verified_tensors"`
	Text       string             `json:"text"`
	Receipt    *receipt.Execution `json:"receipt"`
}

func (c *demoCommand) Run(env *environment) error {
	parent := ""
	if c.Out != "" {
		if _, err := os.Lstat(c.Out); err == nil {
			return fmt.Errorf("%s: %w", c.Out, convert.ErrExists)
		}
		parent = filepath.Dir(filepath.Clean(c.Out))
	}
	dir, err := os.MkdirTemp(parent, ".helix-demo-*.partial")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := c.show(env, dir)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := os.Rename(dir, c.Out); err != nil {
			return err
		}
		c.say(env, "\nThe checkpoint, the model and the receipt are in %s.\n", c.Out)
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	return nil
}

func (c *demoCommand) say(env *environment, format string, args ...any) error {
	if c.JSON {
		return nil
	}
	_, err := fmt.Fprintf(env.stdout, format, args...)
	return err
}

// show goes through the steps, in dir.
func (c *demoCommand) show(env *environment, dir string) (*demoReport, error) {
	src, dst := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "model")
	c.say(env, "1. A checkpoint. This program carries helix-demo, a Llama of 1.8 million parameters that\n"+
		"   tells children's stories, in bfloat16, as models come from a hub.\n")
	if err := demo.Extract(src); err != nil {
		return nil, err
	}
	c.say(env, "\n2. helix-substrate convert checkpoint -o model --no-calibrate\n   Each matrix gets a codebook of at most 256 values, "+
		"designed for 35 dB at the fewest bits,\n   and one entropy-coded index per weight. Errors are measured against the true weights.\n\n")
	report, err := convert.Directory(env.ctx, convert.Job{Source: src, Output: dst, ModelID: "helix-demo", Options: convert.Options{Method: convert.Entropy}})
	if err != nil {
		return nil, err
	}
	report.Output = "model"
	if !c.JSON {
		printConversion(env, report)
	}
	v, err := helix.Verify(env.ctx, dst, helix.VerifyOptions{Threads: 1})
	if err != nil {
		return nil, err
	}
	blocks := 0
	for _, k := range v.Checks {
		if k.Err != nil {
			return nil, k.Err
		}
		blocks += k.Blocks
	}
	c.say(env, "\n3. helix-substrate verify model\n   OK: %d tensors, %d blocks, each with its SHA-256. A flipped bit would be named.\n", len(report.Tensors), blocks)
	r := &demoReport{Conversion: report, Verified: len(report.Tensors)}
	return r, c.tell(env, dir, dst, r)
}

// tell generates a story within the memory limit and leaves its receipt.
func (c *demoCommand) tell(env *environment, dir, dst string, r *demoReport) error {
	limit := memory.FormatSize(demoMemory)
	c.say(env, "\n4. helix-substrate run model --memory %s\n   The limit is the whole process's, program included. "+
		"It is planned, reserved and kept; the text\n   would be the same, bit for bit, with any other limit, number of threads or CPU.\n\n   ", limit)
	run := runCommand{
		Dir: dst, receiptFlags: receiptFlags{Receipt: filepath.Join(dir, "receipt.json")}, N: 90, Temperature: 0.6, TopK: 40, TopP: 0.95, MinP: 0.05, RepeatPenalty: 1.1, Seed: c.Seed,
		modelFlags: modelFlags{Memory: demoMemory, Context: 256, Cache: "f32", Threads: min(8, runtime.GOMAXPROCS(0))}, // more take more than the limit
	}
	memory.ResetPeak() // what converting took
	o, err := run.begin(env, dst)
	if err != nil {
		return err
	}
	ids, err := o.Encode(env.ctx, c.Prompt)
	if err != nil {
		return err
	}
	l, err := run.finish(env, o, dst)
	if err != nil {
		return err
	}
	defer l.close()
	sampler, err := generate.NewSampler(run.sampling())
	if err != nil {
		return err
	}
	g := generate.Generator{Tokenizer: l.tokenizer, Sampler: sampler}
	generation, err := run.newReceipt(env, l, g.StopIDs())
	if err != nil {
		return err
	}
	generation.Measurements.Paths["model"] = "model"
	c.say(env, "%s", c.Prompt)
	result, err := generation.Run(&g, func() (*generate.Result, error) {
		return g.Run(env.ctx, l.session, ids, run.N, func(text string) error { return c.say(env, "%s", text) })
	})
	if err != nil {
		return err
	}
	if result.Stop == generate.StopCancel {
		return env.ctx.Err()
	}
	r.Text = c.Prompt + result.Text
	peak, memory := run.peakMemory()
	generation.Measurements.Memory.PeakRSS = peak
	if r.Receipt, err = generation.Receipt(time.Now()); err != nil {
		return err
	}
	c.say(env, "\n\n   %.0f tokens a second; %s\n", generation.Speed.OutputPerSecond(), memory)
	c.say(env, "\n5. The receipt says what was computed, on any machine the same (claims SHA-256\n   %s), and what it took here.\n"+
		"   helix-substrate receipt replay does it again and compares.\n", r.Receipt.ClaimsSHA256)
	out, err := record.Create(run.Receipt, "")
	if err != nil {
		return err
	}
	defer out.Abort()
	return out.Keep(env.ctx, r.Receipt, (*receipt.Execution).Write)
}
