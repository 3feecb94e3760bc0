package main

import (
	"fmt"
	"runtime"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/memory"
)

type benchMatMulCommand struct {
	Rows      int         `name:"rows" default:"65536" help:"Rows of W; the default has 256 Mi indices, so that they come from memory."`
	Cols      int         `name:"cols" default:"4096" help:"Columns of W."`
	Batch     int         `name:"batch" default:"1" help:"Vectors in X."`
	BlockRows int         `name:"block-rows" help:"Rows of a block; 0: automatic."`
	Codec     string      `name:"codec" enum:"all,none,huff0,zstd,lz4,brotli" default:"all" help:"Streamed products to run: ${enum}."`
	CPU       string      `name:"cpu" enum:"generic,avx2,avx512,vbmi,neon," default:"" placeholder:"LEVEL" help:"Force a kernel level: generic, avx2, avx512, vbmi or neon."`
	Rounds    int         `name:"rounds" default:"7" help:"Every product runs once a round; the best one counts."`
	Threads   int         `name:"threads" help:"Workers; 0 means all cores."`
	Memory    memory.Size `name:"memory" placeholder:"SIZE" help:"Bound the resident matrix and block buffers of each product; a resident matrix that does not fit is an error that says what would."`
	Dir       string      `output:"scratch" name:"dir" placeholder:"DIR" help:"Where matrices are written (default: the system's temporary directory)."`
	JSON      bool        `name:"json" help:"Print JSON."`
}

func (c *benchMatMulCommand) Help() string {
	return "Examples:\n  helix-substrate bench matmul\n  helix-substrate bench matmul --rows 4096 --cols 4096 --batch 256 --codec zstd"
}

// maxBenchWeights bounds a benchmark's matrix: 64 GiB as float32.
const maxBenchWeights = 1 << 34

func (c *benchMatMulCommand) Run(env *environment) error {
	if c.Rows < 1 || c.Cols < 1 || c.Batch < 1 || c.BlockRows < 0 || c.Rounds < 1 || c.Threads < 0 {
		return usageError("--rows, --cols, --batch and --rounds must be positive, --block-rows and --threads not negative")
	}
	if c.Rows > maxBenchWeights/c.Cols || c.Batch > maxBenchWeights/max(c.Rows, c.Cols) {
		return usageError(fmt.Sprintf("--rows %d --cols %d --batch %d: at most 2^34 weights and values", c.Rows, c.Cols, c.Batch))
	}
	o := bench.MatMul{
		Rows: c.Rows, Cols: c.Cols, Batch: c.Batch, BlockRows: c.BlockRows, Threads: c.Threads, CPU: c.CPU, Rounds: c.Rounds, Dir: c.Dir,
		Codecs: []string{c.Codec},
	}
	if c.Codec == "all" {
		o.Codecs = []string{"none", "huff0", "zstd"}
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	o.Memory = int64(c.Memory)
	r, err := o.Run(env.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	var rows [][]string
	for _, m := range r.Results {
		share := ""
		if m.ShareOfRead > 0 {
			share = decimal(m.ShareOfRead, 2)
		}
		rows = append(rows, []string{
			m.Name, fmt.Sprintf("%.2f", m.Seconds*1e3), decimal(m.WeightsPerSec/1e9, 2), decimal(m.GBPerSec, 2), decimal(m.GFLOPs, 1), share, decimal(m.VsDense, 2),
		})
	}
	writeTable(env.stdout, []string{"X @ Wᵀ", "ms", "G weights/s", "GB/s", "GFLOP/s", "of read", "× dense"}, rows)
	fmt.Fprintf(env.stdout, "\nW %s, batch %d, %d threads, %s kernels; plain reading: %.2f GB/s; resident and streamed products have the same bits: %v\n",
		shape(r.Rows, r.Cols), r.Batch, r.Threads, r.CPU, r.ReadGBs, r.SameBits)
	return nil
}
