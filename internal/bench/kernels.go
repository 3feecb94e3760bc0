package bench

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// Kernels measures every speed that docs/KERNELS.md promises.
type Kernels struct {
	Python string // an interpreter with NumPy, whose OpenBLAS is the yardstick
	Rounds int    // every product runs once a round; the best one counts
	Dir    string // for the matrices; empty: the system's temporary directory
	Stderr io.Writer
}

// KernelReport is the table of docs/KERNELS.md.
type KernelReport struct {
	Measures []Measure `json:"measures"`
	Limits   Limits    `json:"limits"`
	Note     string    `json:"note"` // on what, and what was not measured
}

// Measure is one line of the table.
type Measure struct {
	What     string  `json:"what"`
	Measured float64 `json:"measured"`
	Wanted   float64 `json:"wanted"`
	AtMost   bool    `json:"at_most,omitempty"` // instead of at least
	Unit     string  `json:"unit"`
	Detail   string  `json:"detail"`
}

// Met tells whether the promise is kept.
func (m Measure) Met() bool {
	if m.AtMost {
		return m.Measured <= m.Wanted
	}
	return m.Measured >= m.Wanted
}

// Run measures everything, in this process but for NumPy and the memory.
func (c Kernels) Run(ctx context.Context) (*KernelReport, error) {
	const rows, cols, batch = 65536, 4096, 256
	threads := runtime.GOMAXPROCS(0)
	vector := MatMul{Rows: rows, Cols: cols, Batch: 1, Threads: threads, Rounds: c.Rounds, Dir: c.Dir, Codecs: []string{"none", "zstd", "huff0"}}
	one, err := vector.Run(ctx)
	if err != nil {
		return nil, err
	}
	many, err := MatMul{Rows: cols, Cols: cols, Batch: batch, Threads: threads, Rounds: c.Rounds, Dir: c.Dir}.Run(ctx)
	if err != nil {
		return nil, err
	}
	const prompt = 120 // vectors of a long prompt's part
	some, err := MatMul{Rows: cols, Cols: cols, Batch: prompt, Threads: threads, Rounds: c.Rounds, Dir: c.Dir}.Run(ctx)
	if err != nil {
		return nil, err
	}
	k, err := kernel.FromEnv()
	if err != nil {
		return nil, err
	}
	limits := Limits{ReadGBs: one.ReadGBs}
	limits.Float, limits.Integer = measurePeaks(k, threads, c.Rounds)
	blas, blasErr := MeasureOpenBLAS(ctx, c.Python, rows, cols, cols, batch, c.Rounds)

	byte8, six, four := one.Result("resident 8-bit"), one.Result("resident 6-bit"), one.Result("resident 4-bit")
	sidecar := one.Result("resident 8-bit, sidecar")
	tile := many.Result("resident 8-bit")
	perG := func(m MatMulResult) string { return fmt.Sprintf("%.1f G weights/s", m.WeightsPerSec/1e9) }
	list := []Measure{
		{"8-bit / plain reading", byte8.ShareOfRead, 0.8, false, "", fmt.Sprintf("%s of %.1f GB/s", perG(byte8), one.ReadGBs)},
		{"8-bit / dense float32 of ours", byte8.VsDense, 3, false, "×", perG(one.Result("dense float32"))},
		{"6-bit / 8-bit", six.WeightsPerSec / byte8.WeightsPerSec, 1.2, false, "×", perG(six)},
		{"4-bit / 8-bit", four.WeightsPerSec / byte8.WeightsPerSec, 1.6, false, "×", perG(four)},
		{"8-bit with 0.5 % outliers / without", sidecar.Seconds / byte8.Seconds, 1.1, true, "×", perG(sidecar)},
		{"streamed, stored / reading and hashing", ratio(one, "read and hash", "streamed none"), 0.7, false, "", perG(one.Result("streamed none"))},
		{"streamed, zstd / unpacking", ratio(one, "unpack zstd", "streamed zstd"), 0.9, false, "", perG(one.Result("streamed zstd"))},
		{"streamed, huff0 / unpacking", ratio(one, "unpack huff0", "streamed huff0"), 0.9, false, "", perG(one.Result("streamed huff0"))},
	}
	share := func(result string, p PeakResult) (reached, of float64) {
		reached = some.Result(result).GFLOPs / 2
		return reached, reached / p.GPerSec
	}
	if p := limits.Integer; p.Instruction != "" {
		reached, of := share("resident lattice", p)
		list = append(list, Measure{
			fmt.Sprintf("lattice, %d vectors, 4096×4096 / %s", prompt, p.Instruction), of, 0.6, false, "",
			fmt.Sprintf("%.0f of %.0f G multiply-adds/s", reached, p.GPerSec),
		})
	}
	if blasErr == nil {
		list = append(list,
			Measure{"8-bit / OpenBLAS sgemv", blas.GEMV / byte8.Seconds, 3, false, "×", fmt.Sprintf("%.1f against %.1f ms", byte8.Seconds*1e3, blas.GEMV*1e3)},
			Measure{"batch 256, 4096×4096 / OpenBLAS sgemm", blas.GEMM / tile.Seconds, 0.9, false, "×", fmt.Sprintf("%.0f against %.0f GFLOP/s", tile.GFLOPs, tile.GFLOPs*tile.Seconds/blas.GEMM)})
	}
	for _, l := range kernel.Levels() {
		if l != kernel.AVX2 {
			continue
		}
		vector.CPU, vector.Codecs = string(l), nil
		old, err := vector.Run(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, Measure{"forced AVX2 / dense float32", old.Result("resident 8-bit").VsDense, 1, false, "×", perG(old.Result("resident 8-bit"))})
	}
	const n = 16384
	memory, err := Memory{Rows: n, Cols: n, BlockRows: 32, Codec: "zstd", NoDense: true, Dir: c.Dir, Stderr: c.Stderr}.Run(ctx)
	if err != nil {
		return nil, err
	}
	list = append(list, Measure{"streamed 16384×16384, 32 rows, above X and Y", float64(memory.Streamed.AboveXY()) / (1 << 20), 20, true, " MiB",
		fmt.Sprintf("the whole process; %.1f MiB when the program had started", float64(memory.Streamed.StartBytes)/(1<<20))})

	note := fmt.Sprintf("%d threads, %s kernels, best of %d rounds; the machine: plain reading %.1f GB/s", threads, one.CPU, c.Rounds, limits.ReadGBs)
	if p := limits.Float; p.Instruction != "" {
		_, of := share("resident 8-bit", p)
		note += fmt.Sprintf(", %s %.0f G multiply-adds/s (8-bit, %d vectors: %.2f of it)", p.Instruction, p.GPerSec, prompt, of)
	}
	if blasErr == nil {
		note += "; OpenBLAS by " + blas.Library
	} else {
		note += "; OpenBLAS not measured: " + blasErr.Error()
	}
	return &KernelReport{list, limits, note}, nil
}

// ratio is the time of one result over that of another.
func ratio(r *MatMulReport, a, b string) float64 {
	return r.Result(a).Seconds / r.Result(b).Seconds
}
