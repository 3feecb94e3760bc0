package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/memory"
)

type benchGenerateCommand struct {
	Prompt    int         `name:"prompt" default:"128" help:"Tokens of the prompt."`
	N         int         `name:"n" short:"n" default:"32" help:"Tokens to generate; a quarter as many when streamed."`
	Memory    memory.Size `name:"memory" default:"300MiB" help:"The limit of the streamed run."`
	Sequences int         `name:"sequences" default:"1" placeholder:"N" help:"Measure N texts that go together too."`
	Dir       string      `output:"scratch" name:"dir" placeholder:"DIR" help:"Where the synthetic 1.1 B models are written and kept (default: a temporary directory, removed at the end)."`
	JSON      bool        `name:"json" help:"Print JSON."`
}

func (c *benchGenerateCommand) Help() string {
	return "Example:\n  helix-substrate bench generate --dir /tmp/llama1b"
}

func (c *benchGenerateCommand) Run(env *environment) error {
	if c.Prompt < 1 || c.N < 1 || c.Sequences < 1 || c.Sequences > 1024 {
		return usageError("--prompt, -n and --sequences must be positive, and --sequences at most 1024")
	}
	results, err := bench.Speeds{Prompt: c.Prompt, N: c.N, Sequences: c.Sequences, Memory: int64(c.Memory), Dir: c.Dir, Stderr: env.stderr}.Run(env.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, results)
	}
	var rows [][]string
	for _, g := range results {
		row := []string{g.Name, decimal(g.LoadSeconds, 2), decimal(g.FirstTokenSeconds, 2), decimal(g.PromptPerSec, 1), decimal(g.GeneratePerSec, 2), size(g.PeakBytes), "", "", "", ""}
		if s := g.Streaming; s != nil {
			row[6], row[7], row[8], row[9] = size(g.StreamedBytes), decimal(s.DiskSeconds, 2), decimal(s.UnpackSeconds, 2), decimal(g.OfBound(), 2)
		}
		rows = append(rows, row)
	}
	writeTable(env.stdout, []string{
		"1.1 B Llama", "loading, s", "first token, s", "prompt tokens/s", "tokens/s", "peak memory", "streamed a token", "reading it, s", "unpacking it, s", "share of the slower's",
	}, rows)
	fmt.Fprintf(env.stdout, "\nprompt of %d tokens, %d threads; the first token is counted from the process's start", c.Prompt, runtime.GOMAXPROCS(0))
	for _, g := range results {
		if g.Streaming == nil || len(g.Streaming.Disk) == 0 {
			continue
		}
		var speeds []string
		for _, d := range g.Streaming.Disk {
			speeds = append(speeds, fmt.Sprintf("%.2f GB/s with %d", d.GBPerSec, d.Depth))
		}
		fmt.Fprintf(env.stdout, "\n%s, past the page cache: %s requests at once", g.Name, strings.Join(speeds, ", "))
	}
	fmt.Fprintln(env.stdout)
	return nil
}
