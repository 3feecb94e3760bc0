package main

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/memory"
)

type benchMemoryCommand struct {
	Rows      int         `name:"rows" default:"4096" help:"Rows of W."`
	Cols      int         `name:"cols" default:"4096" help:"Columns of W."`
	BlockRows int         `name:"block-rows" default:"64" help:"Rows of a block."`
	Codec     string      `name:"codec" enum:"zstd,brotli,huff0,lz4,none" default:"zstd" help:"How blocks are packed: ${enum}."`
	Threads   int         `name:"threads" help:"Workers; 0 means all cores."`
	Memory    memory.Size `name:"memory" placeholder:"SIZE" help:"Bound the streamed product's block buffers."`
	NoDense   bool        `name:"no-dense" help:"Skip the dense product, which holds the whole matrix as float32."`
	Dir       string      `output:"scratch" name:"dir" placeholder:"DIR" help:"Where the matrix is written (default: the system's temporary directory)."`
	JSON      bool        `name:"json" help:"Print JSON."`
}

func (c *benchMemoryCommand) Help() string {
	return "Example:\n  helix-substrate bench memory --rows 16384 --cols 16384 --block-rows 32"
}

func (c *benchMemoryCommand) Run(env *environment) error {
	if c.Rows < 1 || c.Cols < 1 || c.BlockRows < 1 || c.Threads < 0 {
		return usageError("--rows, --cols and --block-rows must be positive, --threads not negative")
	}
	r, err := bench.Memory{
		Rows: c.Rows, Cols: c.Cols, BlockRows: c.BlockRows, Codec: c.Codec, Threads: c.Threads, Budget: int64(c.Memory), NoDense: c.NoDense, Dir: c.Dir,
		Stderr: env.stderr,
	}.Run(env.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	c.print(env, r)
	return nil
}

func (c *benchMemoryCommand) print(env *environment, r *bench.MemoryReport) {
	row := func(name string, p bench.Phase) []string {
		return []string{name, size(p.StartBytes), size(p.PeakBytes), size(p.AboveXY()), fmt.Sprintf("%.1f ms", p.Seconds*1e3)}
	}
	rows := [][]string{row("streamed", r.Streamed)}
	if r.Dense != nil {
		rows = append(rows, row("dense", *r.Dense))
	}
	writeTable(env.stdout, []string{"X @ W", "program started", "peak of process", "above X and Y", "product"}, rows)
	fmt.Fprintf(env.stdout, "\nW is %s, %s as float32, %s in the file (%s, blocks of %d rows)\n",
		shape(r.Rows, r.Cols), size(4*int64(r.Rows)*int64(r.Cols)), size(r.FileBytes), r.Codec, r.BlockRows)
	if r.Dense != nil {
		fmt.Fprintf(env.stdout, "cosine %.6f, %.1f× less memory than dense\n", *r.Cosine, *r.Ratio)
	}
}
