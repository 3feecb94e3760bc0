package main

import (
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

type matmulCommand struct {
	X         string  `name:"x" required:"" placeholder:"X.npy" help:"The vectors: a .npy array of 1 to 3 dimensions."`
	W         string  `name:"w" required:"" placeholder:"FILE" help:"The matrix: a CDNA file."`
	Out       string  `name:"out" short:"o" required:"" placeholder:"Y.npy" help:"Where the product goes."`
	Transpose bool    `name:"transpose" help:"Compute X @ Wᵀ instead of X @ W."`
	Sidecar   string  `name:"sidecar" placeholder:"S.hxzo" help:"Exact values for outliers."`
	Quality   string  `name:"quality" placeholder:"MODE" enum:"accurate,fast," default:"" help:"Apply the sidecar only where the file's own cosine is below 0.999 (accurate) or 0.998 (fast)."`
	MinCosine float64 `name:"min-cosine" placeholder:"C" help:"Apply the sidecar only where the file's own cosine is below C."`
	Verify    string  `name:"verify" enum:"always,sampled,trust-cached" default:"trust-cached" help:"When blocks are checked against their SHA-256: always, sampled (about 10 %) or trust-cached (on first use)."`
	Seed      uint64  `name:"seed" help:"Chooses the blocks of --verify sampled."`
	Threads   int     `name:"threads" help:"Workers; 0 means all cores."`
	Receipt   string  `name:"receipt" placeholder:"R.json" help:"Write the receipt there."`
	JSON      bool    `name:"json" help:"Print the receipt."`
}

func (c *matmulCommand) Help() string {
	return "Example:\n  helix-substrate matmul --x x.npy --w layer.cdna2.hxz -o y.npy --transpose --receipt r.json"
}

func (c *matmulCommand) Run(env *environment) error {
	if c.MinCosine < 0 || c.MinCosine > 1 {
		return usageError(fmt.Sprintf("--min-cosine %v: must lie in 0..1", c.MinCosine))
	}
	if c.Threads < 0 {
		return usageError(fmt.Sprintf("--threads %d: must not be negative", c.Threads))
	}
	if c.Sidecar == "" && (c.Quality != "" || c.MinCosine != 0) {
		return usageError("--quality and --min-cosine decide about a sidecar: name it with --sidecar")
	}
	o := stream.MatrixOptions{Seed: c.Seed, Quality: stream.Quality{Mode: c.Quality, MinCosine: c.MinCosine}}
	var err error
	if o.Verify, err = cdna.ParsePolicy(c.Verify); err != nil {
		return err
	}
	if c.Sidecar != "" {
		if o.Sidecar, err = cdna.OpenSidecar(c.Sidecar); err != nil {
			return err
		}
	}
	engine, err := stream.NewEngine(stream.EngineOptions{Threads: c.Threads})
	if err != nil {
		return err
	}
	defer engine.Close()
	w, err := engine.Open(c.W, o)
	if err != nil {
		return err
	}
	defer w.Close()
	var x stream.Tensor
	if x.Data, x.Shape, err = npy.ReadFloat32(c.X); err != nil {
		return err
	}

	recorder := w.Record(c.Sidecar)
	var r *receipt.StreamXW
	var y stream.Tensor
	var stats stream.Stats
	if c.Transpose {
		y, stats, err = w.MatMulTransposed(env.ctx, x)
	} else {
		y, stats, err = w.MatMul(env.ctx, x)
	}
	if err != nil {
		return err
	}
	if c.Transpose {
		r = recorder.MatMulTransposed(x, y, stats)
	} else {
		r = recorder.MatMul(x, y, stats)
	}
	if err := npy.Create(c.Out, y.Shape, y.Data); err != nil {
		return err
	}
	if c.Receipt != "" {
		if err := createReceipt(c.Receipt, r); err != nil {
			return err
		}
	}
	if c.JSON {
		return receipt.WriteJSON(env.stdout, r)
	}
	return printProduct(env.stdout, r, x, y)
}

// createReceipt writes a receipt to a file that is whole or absent.
func createReceipt(path string, r any) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := receipt.WriteJSON(f, r); err != nil {
		return err
	}
	return f.Commit()
}

func printProduct(w io.Writer, r *receipt.StreamXW, x, y stream.Tensor) error {
	verified := fmt.Sprintf("%d of %d, policy %s", r.BlocksVerified, len(r.BlocksTouched), r.VerifyPolicy)
	sidecar := "none"
	if r.SidecarApplied {
		sidecar = fmt.Sprintf("%d corrections", r.SidecarCorrections)
	} else if r.SidecarSkipReason != "" {
		sidecar = "not applied: " + r.SidecarSkipReason
	}
	writeFields(w, []field{
		{"tensor", r.TensorName},
		{"X → Y", shape(x.Shape...) + " → " + shape(y.Shape...)},
		{"blocks verified", verified},
		{"sidecar", sidecar},
		{"time", fmt.Sprintf("%.2f ms on %d workers (%s kernels)", r.DurationMS, r.Kernel.Workers, r.Kernel.Level)},
		{"memory", fmt.Sprintf("%.2f MiB of blocks for a matrix of %.2f MiB in float32", r.Memory.BuffersMB, r.Memory.FullWeightMB)},
		{"Y sha256", r.ComputeProof.OutputSHA256},
	})
	return nil
}
