package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

type benchKernelsCommand struct {
	Python string `text:"" name:"python" default:"python3" help:"An interpreter with NumPy, whose OpenBLAS is the yardstick; without one those rows stay empty."`
	Rounds int    `name:"rounds" default:"9" help:"Every product runs once a round; the best one counts."`
	Dir    string `output:"scratch" name:"dir" placeholder:"DIR" help:"Where matrices are written (default: the system's temporary directory)."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *benchKernelsCommand) Help() string {
	return "Example:\n  helix-substrate bench kernels"
}

// measure is one line of the table of docs/KERNELS.md.
type measure struct {
	What     string  `json:"what"`
	Measured float64 `json:"measured"`
	Wanted   float64 `json:"wanted"`
	AtMost   bool    `json:"at_most,omitempty"` // instead of at least
	Unit     string  `json:"unit"`
	Detail   string  `json:"detail"`
}

func (m measure) met() bool {
	if m.AtMost {
		return m.Measured <= m.Wanted
	}
	return m.Measured >= m.Wanted
}

func (c *benchKernelsCommand) Run(env *environment) error {
	if c.Rounds < 1 {
		return usageError("--rounds must be positive")
	}
	measures, note, err := c.measure(env)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{"measures": measures, "note": note})
	}
	rows := make([][]string, len(measures))
	for i, m := range measures {
		wanted, met := "≥ ", "yes"
		if m.AtMost {
			wanted = "≤ "
		}
		if !m.met() {
			met = "no"
		}
		rows[i] = []string{m.What, decimal(m.Measured, 2) + m.Unit, wanted + decimal(m.Wanted, 2) + m.Unit, met, m.Detail}
	}
	writeTable(env.stdout, []string{"measure", "here", "wanted", "met", "figures"}, rows)
	fmt.Fprintf(env.stdout, "\n%s\n", note)
	return nil
}

// measure runs everything, in this process but for NumPy and the memory.
func (c *benchKernelsCommand) measure(env *environment) ([]measure, string, error) {
	const rows, cols, batch = 65536, 4096, 256
	threads := runtime.GOMAXPROCS(0)
	vector := bench.MatMul{Rows: rows, Cols: cols, Batch: 1, Threads: threads, Rounds: c.Rounds, Dir: c.Dir, Codecs: []string{"none", "zstd", "huff0"}}
	one, err := vector.Run(env.ctx)
	if err != nil {
		return nil, "", err
	}
	many, err := bench.MatMul{Rows: cols, Cols: cols, Batch: batch, Threads: threads, Rounds: c.Rounds, Dir: c.Dir}.Run(env.ctx)
	if err != nil {
		return nil, "", err
	}
	blas, blasErr := bench.MeasureOpenBLAS(env.ctx, c.Python, rows, cols, cols, batch, c.Rounds)

	byte8, six, four := one.Result("resident 8-bit"), one.Result("resident 6-bit"), one.Result("resident 4-bit")
	sidecar := one.Result("resident 8-bit, sidecar")
	tile := many.Result("resident 8-bit")
	perG := func(m bench.MatMulResult) string { return fmt.Sprintf("%.1f G weights/s", m.WeightsPerSec/1e9) }
	list := []measure{
		{"8-bit / plain reading", byte8.ShareOfRead, 0.8, false, "", fmt.Sprintf("%s of %.1f GB/s", perG(byte8), one.ReadGBs)},
		{"8-bit / dense float32 of ours", byte8.VsDense, 3, false, "×", perG(one.Result("dense float32"))},
		{"6-bit / 8-bit", six.WeightsPerSec / byte8.WeightsPerSec, 1.2, false, "×", perG(six)},
		{"4-bit / 8-bit", four.WeightsPerSec / byte8.WeightsPerSec, 1.6, false, "×", perG(four)},
		{"8-bit with 0.5 % outliers / without", sidecar.Seconds / byte8.Seconds, 1.1, true, "×", perG(sidecar)},
		{"streamed, stored / reading and hashing", ratio(one, "read and hash", "streamed none"), 0.7, false, "", perG(one.Result("streamed none"))},
		{"streamed, zstd / unpacking", ratio(one, "unpack zstd", "streamed zstd"), 0.9, false, "", perG(one.Result("streamed zstd"))},
		{"streamed, huff0 / unpacking", ratio(one, "unpack huff0", "streamed huff0"), 0.9, false, "", perG(one.Result("streamed huff0"))},
	}
	if blasErr == nil {
		list = append(list,
			measure{"8-bit / OpenBLAS sgemv", blas.GEMV / byte8.Seconds, 3, false, "×", fmt.Sprintf("%.1f against %.1f ms", byte8.Seconds*1e3, blas.GEMV*1e3)},
			measure{"batch 256, 4096×4096 / OpenBLAS sgemm", blas.GEMM / tile.Seconds, 0.9, false, "×", fmt.Sprintf("%.0f against %.0f GFLOP/s", tile.GFLOPs, tile.GFLOPs*tile.Seconds/blas.GEMM)})
	}
	for _, l := range kernel.Levels() {
		if l != kernel.AVX2 {
			continue
		}
		vector.CPU, vector.Codecs = string(l), nil
		old, err := vector.Run(env.ctx)
		if err != nil {
			return nil, "", err
		}
		list = append(list, measure{"forced AVX2 / dense float32", old.Result("resident 8-bit").VsDense, 1, false, "×", perG(old.Result("resident 8-bit"))})
	}
	above, err := c.memory(env)
	if err != nil {
		return nil, "", err
	}
	list = append(list, measure{"streamed 16384×16384, 32 rows, above X and Y", float64(above) / (1 << 20), 12, true, " MiB", "the whole process, program included"})

	note := fmt.Sprintf("%d threads, %s kernels, best of %d rounds", threads, one.CPU, c.Rounds)
	if blasErr == nil {
		note += "; OpenBLAS by " + blas.Library
	} else {
		note += "; OpenBLAS not measured: " + blasErr.Error()
	}
	return list, note, nil
}

// ratio is the time of one result over that of another.
func ratio(r *bench.MatMulReport, a, b string) float64 {
	return r.Result(a).Seconds / r.Result(b).Seconds
}

// memory is the peak above X and Y of a streamed product, in a process of its own.
func (c *benchKernelsCommand) memory(env *environment) (int64, error) {
	dir, err := os.MkdirTemp(c.Dir, "helix-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	const n = 16384
	w, x := filepath.Join(dir, "w.cdna2.hxz"), filepath.Join(dir, "x.npy")
	if err := bench.WriteGaussianMatrix(env.ctx, w, n, n, 32, "zstd"); err != nil {
		return 0, err
	}
	if err := npy.Create(x, []int{n}, bench.Gaussian(n, 4)); err != nil {
		return 0, err
	}
	p, err := runPhase(env, "streamed", w, x, filepath.Join(dir, "y.npy"), 0, 0)
	return p.AboveXY(), err
}
