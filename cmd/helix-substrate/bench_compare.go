package main

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/bench"
)

type benchCompareCommand struct {
	Model     string `input:"model" arg:"" name:"dir" placeholder:"DIR" help:"The model to run here."`
	GGUF      string `input:"file" arg:"" name:"gguf" placeholder:"GGUF" help:"The file that llama.cpp runs."`
	Llama     string `input:"model" name:"llama" required:"" placeholder:"BIN" help:"The directory of llama-bench and llama-batched-bench."`
	Prompt    []int  `name:"prompt" default:"128,512" help:"Prompts to read, in tokens."`
	N         int    `name:"n" short:"n" default:"64" help:"Tokens to generate."`
	Depth     []int  `name:"depth" default:"0" help:"After how many others they are generated."`
	Sequences int    `name:"sequences" default:"8" placeholder:"N" help:"Generate N texts together too; 1: none."`
	Rounds    int    `name:"rounds" default:"3" help:"How many times each is measured; medians count."`
	Threads   int    `name:"threads" help:"Workers of both; 0 means all cores."`
	Reference string `input:"model" name:"reference" placeholder:"DIR" help:"With --text: the original of both; their divergence from it is measured too."`
	Text      string `input:"file" name:"text" placeholder:"FILE" help:"The text to predict."`
	Window    int    `name:"window" default:"256" help:"Tokens of a window; its second half is scored."`
	Limit     int    `name:"limit" placeholder:"N" default:"16" help:"Use the first N windows only; 0: all."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

func (c *benchCompareCommand) Help() string {
	return "Example:\n  helix-substrate bench compare smollm2 smollm2-Q4_K_M.gguf --llama llama.cpp/build/bin --reference smollm2-BF16.gguf --text wiki.txt"
}

func (c *benchCompareCommand) Run(env *environment) error {
	positive := func(list []int, least int) bool {
		return !slices.ContainsFunc(list, func(n int) bool { return n < least })
	}
	switch {
	case !positive(c.Prompt, 1) || !positive(c.Depth, 0) || c.N < 1 || c.Sequences < 1 || c.Sequences > 1024 || c.Rounds < 1 || c.Threads < 0:
		return usageError("--prompt, -n, --sequences and --rounds must be positive, --sequences at most 1024, --depth and --threads not negative")
	case (c.Reference == "") != (c.Text == ""):
		return usageError("--reference and --text go together")
	}
	var quality []judged
	if c.Reference != "" {
		kld := &evalKLDCommand{Models: []string{c.Model, c.GGUF}, Reference: c.Reference}
		kld.Text, kld.Window, kld.Limit, kld.Threads, kld.Cache = c.Text, c.Window, c.Limit, c.Threads, "f32"
		err := kld.check(&kld.modelFlags)
		if err == nil {
			quality, err = kld.judge(env)
		}
		if err != nil {
			return err
		}
	}
	p := newProgress(env.stderr)
	defer p.finish()
	results, err := (&bench.Comparison{
		Model: c.Model, GGUF: c.GGUF, Llama: c.Llama, Prompts: c.Prompt, N: c.N, Depths: c.Depth, Sequences: c.Sequences, Threads: c.Threads, Rounds: c.Rounds,
		Stderr: env.stderr, Progress: func(done, total int, test string) { p.update(int64(done), int64(total), test) },
	}).Run(env.ctx)
	if err != nil {
		return err
	}
	p.finish()
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"model": c.Model, "gguf": c.GGUF, "rounds": c.Rounds, "speed": results, "quality": quality})
	}
	return c.print(env, results, quality)
}

func (c *benchCompareCommand) print(env *environment, results []bench.Compared, quality []judged) error {
	var rows [][]string
	for i := range results {
		r := &results[i]
		rows = append(rows, []string{r.Test, decimal(bench.Median(r.Here), 1), decimal(bench.Median(r.Llama), 1), decimal(r.Ratio(), 2)})
	}
	writeTable(env.stdout, []string{"tokens/s", "here", "llama.cpp", "ratio"}, rows)
	threads := c.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	_, err := fmt.Fprintf(env.stdout, "\nmedians of %d rounds by turns, %d threads\n", c.Rounds, threads)
	for _, q := range quality {
		if err == nil {
			_, err = fmt.Fprintf(env.stdout, "%s: mean KL divergence %.5f over %d tokens\n", q.Model, q.Result.MeanKLD, q.Result.Tokens)
		}
	}
	return err
}
