package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

type benchGenerateCommand struct {
	Prompt int           `name:"prompt" default:"128" help:"Tokens of the prompt."`
	N      int           `name:"n" short:"n" default:"32" help:"Tokens to generate; a quarter as many when streamed."`
	Memory byteunit.Size `name:"memory" default:"300MiB" help:"The limit of the streamed run."`
	Dir    string        `output:"scratch" name:"dir" placeholder:"DIR" help:"Where the synthetic 1.1 B models are written and kept (default: a temporary directory, removed at the end)."`
	JSON   bool          `name:"json" help:"Print JSON."`
}

func (c *benchGenerateCommand) Help() string {
	return "Example:\n  helix-substrate bench generate --dir /tmp/llama1b"
}

func (c *benchGenerateCommand) Run(env *environment) error {
	if c.Prompt < 1 || c.N < 1 {
		return usageError("--prompt and -n must be positive")
	}
	root := c.Dir
	if root == "" {
		temporary, err := os.MkdirTemp("", "helix-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		root = temporary
	}
	var results []bench.Generation
	var streamed string
	for _, w := range []struct {
		name    string
		entries int
	}{{"resident 8-bit", 256}, {"resident 6-bit", 64}, {"resident 4-bit", 16}} {
		dir := filepath.Join(root, fmt.Sprintf("llama1b-%d", w.entries))
		if !model.IsModel(dir) {
			if err := bench.Llama1B().Make(env.ctx, dir, w.entries, "zstd"); err != nil {
				return err
			}
		}
		if streamed == "" {
			streamed = dir
		}
		g, err := c.phase(env, w.name, dir, 0, c.N)
		if err != nil {
			return err
		}
		results = append(results, g)
	}
	g, err := c.phase(env, "streamed 8-bit, "+c.Memory.String(), streamed, int64(c.Memory), max(2, c.N/4))
	if err != nil {
		return err
	}
	results = append(results, g)
	if c.JSON {
		return writeJSON(env.stdout, results)
	}
	var rows [][]string
	for _, g := range results {
		row := []string{g.Name, decimal(g.PromptPerSec, 1), decimal(g.GeneratePerSec, 2), size(g.PeakBytes), "", ""}
		if g.StreamedBytes > 0 {
			row[4] = size(g.StreamedBytes)
			row[5] = decimal(1/g.GeneratePerSec/g.DecodeSeconds, 2)
		}
		rows = append(rows, row)
	}
	writeTable(env.stdout, []string{"1.1 B Llama", "prompt tokens/s", "tokens/s", "peak memory", "streamed a token", "× reading and unpacking it"}, rows)
	fmt.Fprintf(env.stdout, "\nprompt of %d tokens, %d threads\n", c.Prompt, runtime.GOMAXPROCS(0))
	return nil
}

// phase measures in a process of its own, whose peak memory is then its own.
func (c *benchGenerateCommand) phase(env *environment, name, dir string, memory int64, n int) (bench.Generation, error) {
	var g bench.Generation
	self, err := os.Executable()
	if err != nil {
		return g, err
	}
	cmd := exec.CommandContext(env.ctx, self, "bench", "generation", "--model", dir, "--limit", fmt.Sprint(memory), "--prompt", fmt.Sprint(c.Prompt), "-n", fmt.Sprint(n))
	cmd.Stderr = env.stderr
	out, err := cmd.Output()
	if ctxErr := context.Cause(env.ctx); ctxErr != nil {
		return g, ctxErr
	}
	if err != nil {
		return g, fmt.Errorf("%s: %w", name, err)
	}
	err = json.Unmarshal(out, &g)
	g.Name = name
	return g, err
}

// benchGenerationCommand is the child of bench generate.
type benchGenerationCommand struct {
	Model  string `input:"model" name:"model" required:""`
	Limit  int64  `name:"limit"`
	Prompt int    `name:"prompt"`
	N      int    `name:"n" short:"n"`
}

func (c *benchGenerationCommand) Run(env *environment) error {
	memory.Lean()
	o := transformer.Options{Memory: c.Limit, Context: c.Prompt + c.N + 1}
	g, err := bench.Generate(env.ctx, c.Model, o, c.Prompt, c.N)
	if err != nil {
		return err
	}
	if g.StreamedBytes > 0 {
		start := time.Now()
		if err := bench.Unpack(env.ctx, c.Model, o); err != nil {
			return err
		}
		g.DecodeSeconds = time.Since(start).Seconds()
	}
	return writeJSON(env.stdout, g)
}
