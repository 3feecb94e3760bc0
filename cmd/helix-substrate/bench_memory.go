package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/memory"
)

type benchMemoryCommand struct {
	Rows      int           `name:"rows" default:"4096" help:"Rows of W."`
	Cols      int           `name:"cols" default:"4096" help:"Columns of W."`
	BlockRows int           `name:"block-rows" default:"64" help:"Rows of a block."`
	Codec     string        `name:"codec" enum:"zstd,brotli,huff0,lz4,none" default:"zstd" help:"How blocks are packed: ${enum}."`
	Threads   int           `name:"threads" help:"Workers; 0 means all cores."`
	Memory    byteunit.Size `name:"memory" placeholder:"SIZE" help:"Bound the streamed product's block buffers."`
	NoDense   bool          `name:"no-dense" help:"Skip the dense product, which holds the whole matrix as float32."`
	Dir       string        `output:"scratch" name:"dir" placeholder:"DIR" help:"Where the matrix is written (default: the system's temporary directory)."`
	JSON      bool          `name:"json" help:"Print JSON."`
}

func (c *benchMemoryCommand) Help() string {
	return "Example:\n  helix-substrate bench memory --rows 16384 --cols 16384 --block-rows 32"
}

// memoryReport is what bench memory prints as JSON.
type memoryReport struct {
	Rows      int          `json:"rows"`
	Cols      int          `json:"cols"`
	BlockRows int          `json:"block_rows"`
	Codec     string       `json:"codec"`
	FileBytes int64        `json:"file_bytes"`
	Streamed  bench.Phase  `json:"streamed"`
	Dense     *bench.Phase `json:"dense,omitempty"`
	Cosine    *float64     `json:"cosine,omitempty"`
	Ratio     *float64     `json:"memory_ratio,omitempty"` // dense above X and Y / streamed above X and Y
}

func (c *benchMemoryCommand) Run(env *environment) error {
	if c.Rows < 1 || c.Cols < 1 || c.BlockRows < 1 || c.Threads < 0 {
		return usageError("--rows, --cols and --block-rows must be positive, --threads not negative")
	}
	dir, err := os.MkdirTemp(c.Dir, "helix-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, x := filepath.Join(dir, "w.cdna2.hxz"), filepath.Join(dir, "x.npy")
	if err := bench.WriteGaussianMatrix(env.ctx, w, c.Rows, c.Cols, c.BlockRows, c.Codec); err != nil {
		return err
	}
	if err := npy.Create(x, []int{c.Rows}, bench.Gaussian(c.Rows, 4)); err != nil {
		return err
	}
	info, err := os.Stat(w)
	if err != nil {
		return err
	}
	r := memoryReport{Rows: c.Rows, Cols: c.Cols, BlockRows: c.BlockRows, Codec: c.Codec, FileBytes: info.Size()}
	streamedY := filepath.Join(dir, "streamed.npy")
	if r.Streamed, err = runPhase(env, "streamed", w, x, streamedY, c.Threads, int64(c.Memory)); err != nil {
		return err
	}
	if !c.NoDense {
		denseY := filepath.Join(dir, "dense.npy")
		dense, err := runPhase(env, "dense", w, x, denseY, c.Threads, 0)
		if err != nil {
			return err
		}
		a, _, err := npy.ReadFloat32(streamedY)
		if err != nil {
			return err
		}
		b, _, err := npy.ReadFloat32(denseY)
		if err != nil {
			return err
		}
		cosine := bench.Cosine(a, b)
		ratio := float64(dense.AboveXY()) / float64(r.Streamed.AboveXY())
		r.Dense, r.Cosine, r.Ratio = &dense, &cosine, &ratio
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	c.print(env, r)
	return nil
}

// runPhase runs one product in a child process, whose peak memory is then its own.
func runPhase(env *environment, mode, w, x, y string, threads int, memory int64) (bench.Phase, error) {
	self, err := os.Executable()
	if err != nil {
		return bench.Phase{}, err
	}
	cmd := exec.CommandContext(env.ctx, self, "bench", "phase", "--mode", mode, "--w", w, "--x", x, "--out", y, "--threads", fmt.Sprint(threads), "--memory", fmt.Sprint(memory))
	cmd.Stderr = env.stderr
	out, err := cmd.Output()
	if ctxErr := env.ctx.Err(); ctxErr != nil {
		return bench.Phase{}, ctxErr
	}
	if err != nil {
		return bench.Phase{}, fmt.Errorf("%s product: %w", mode, err)
	}
	var p bench.Phase
	if err := json.Unmarshal(out, &p); err != nil {
		return bench.Phase{}, fmt.Errorf("%s product: %w", mode, err)
	}
	return p, nil
}

func (c *benchMemoryCommand) print(env *environment, r memoryReport) {
	row := func(name string, p bench.Phase) []string {
		return []string{name, size(p.PeakBytes), size(p.AboveXY()), fmt.Sprintf("%.1f ms", p.Seconds*1e3)}
	}
	rows := [][]string{row("streamed", r.Streamed)}
	if r.Dense != nil {
		rows = append(rows, row("dense", *r.Dense))
	}
	writeTable(env.stdout, []string{"X @ W", "peak of process", "above X and Y", "product"}, rows)
	fmt.Fprintf(env.stdout, "\nW is %s, %s as float32, %s in the file (%s, blocks of %d rows)\n",
		shape(r.Rows, r.Cols), size(4*int64(r.Rows)*int64(r.Cols)), size(r.FileBytes), r.Codec, r.BlockRows)
	if r.Dense != nil {
		fmt.Fprintf(env.stdout, "cosine %.6f, %.1f× less memory than dense\n", *r.Cosine, *r.Ratio)
	}
}

// benchPhaseCommand is the child of bench memory.
type benchPhaseCommand struct {
	Mode    string `name:"mode" enum:"streamed,dense" required:""`
	W       string `input:"file" name:"w" required:""`
	X       string `input:"file" name:"x" required:""`
	Out     string `output:"file" name:"out" required:""`
	Threads int    `name:"threads"`
	Memory  int64  `name:"memory"`
}

func (c *benchPhaseCommand) Run(env *environment) error {
	memory.Lean()
	x, _, err := npy.ReadFloat32(c.X)
	if err != nil {
		return err
	}
	var y []float32
	var p bench.Phase
	if c.Mode == "streamed" {
		y, p, err = bench.Streamed(env.ctx, c.W, x, c.Threads, c.Memory)
	} else {
		y, p, err = bench.Dense(env.ctx, c.W, x)
	}
	if err != nil {
		return err
	}
	if err := npy.Create(c.Out, []int{len(y)}, y); err != nil {
		return err
	}
	return writeJSON(env.stdout, p)
}
