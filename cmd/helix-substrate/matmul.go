package main

import (
	"errors"
	"fmt"
	"io"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type matmulCommand struct {
	X         string      `input:"file" name:"x" required:"" placeholder:"X.npy" help:"The vectors: a .npy array of 1 to 3 dimensions."`
	W         string      `input:"file" name:"w" required:"" placeholder:"FILE" help:"The matrix: a CDNA file."`
	Out       string      `output:"array" name:"out" short:"o" required:"" placeholder:"Y.npy" help:"Where the product goes."`
	Transpose bool        `name:"transpose" help:"Compute X @ Wᵀ instead of X @ W."`
	Sidecar   string      `input:"file" name:"sidecar" placeholder:"S.hxzo" help:"Exact values for outliers."`
	Quality   string      `name:"quality" placeholder:"MODE" enum:"accurate,fast," default:"" help:"Apply the sidecar only where the file's own cosine is below 0.999 (accurate) or 0.998 (fast)."`
	MinCosine float64     `name:"min-cosine" placeholder:"C" help:"Apply the sidecar only where the file's own cosine is below C."`
	Seed      uint64      `name:"seed" help:"Chooses the blocks of --verify sampled."`
	Canon     string      `name:"canon" enum:"int8,f32," default:"" placeholder:"NAME" help:"The arithmetic of X @ Wᵀ with a lattice matrix: int8 (the default) or f32."`
	Threads   int         `name:"threads" help:"Workers; 0 means all cores."`
	Memory    memory.Size `name:"memory" placeholder:"SIZE" help:"Keep the whole process within SIZE, such as 64MiB; refused, with the smallest workable size, where that is too small."`
	Compare   string      `input:"file" name:"compare" placeholder:"Y0.npy" help:"Compare Y with a canonical result: PASS from a cosine of 0.999 on, ACCEPTABLE from 0.99."`
	verifyFlag
	receiptFlags
	JSON bool `name:"json" help:"Print the receipt."`
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
	p := &record.Product{
		X: c.X, W: c.W, Sidecar: c.Sidecar, Transpose: c.Transpose, Threads: c.Threads, Memory: int64(c.Memory),
		Verify: c.policy(env), Seed: c.Seed, Canon: helix.Canon(c.Canon),
	}
	p.Quality.Mode, p.Quality.MinCosine = c.Quality, c.MinCosine
	// The receipt's file comes first: a product without it would be no success.
	rec, err := c.receiptFlags.start(c.Threads, map[string]string{"x": c.X, "w": c.W, "sidecar": c.Sidecar})
	if err != nil {
		return err
	}
	defer rec.Abort()
	defer memory.Allowed(p.Memory).Begin()() // for what comes after the product too
	m, err := p.Run(env.ctx, env.note)
	if err == nil && c.Compare != "" {
		err = m.Compare(env.ctx, c.Compare, env.note)
	}
	if err != nil {
		return err
	}
	if err := helix.WriteTensor(c.Out, m.Y); err != nil {
		return err
	}
	if c.wanted() {
		claims, err := p.Note(env.ctx, rec, m)
		if err != nil {
			return err
		}
		if err := rec.Write(env.ctx, claims); err != nil {
			return err
		}
	}
	r := m.Receipt
	if c.JSON {
		err = receipt.WriteJSON(env.stdout, r)
	} else {
		printProduct(env.stdout, m)
	}
	if err == nil && r.Comparison != nil && r.Comparison.Status == "FAIL" {
		err = fmt.Errorf("%s: cosine %.6f to %s: %w", c.Out, r.Comparison.Cosine, c.Compare, errDiffers)
	}
	return err
}

// errDiffers is the outcome of a comparison that failed.
var errDiffers = errors.New("the product differs from the canonical one")

func printProduct(w io.Writer, m *record.Multiplied) {
	r := m.Receipt
	verified := fmt.Sprintf("%d of %d, policy %s", r.BlocksVerified, len(r.BlocksTouched), r.VerifyPolicy)
	sidecar := "none"
	if r.SidecarApplied {
		sidecar = fmt.Sprintf("%d corrections", r.SidecarCorrections)
	} else if r.SidecarSkipReason != "" {
		sidecar = "not applied: " + r.SidecarSkipReason
	}
	fields := []field{
		{"tensor", r.TensorName},
		{"X → Y", shape(m.X.Shape...) + " → " + shape(m.Y.Shape...)},
		{"blocks verified", verified},
		{"sidecar", sidecar},
		{"time", fmt.Sprintf("%.2f ms on %d workers (%s kernels)", r.DurationMS, r.Kernel.Workers, r.Kernel.Level)},
		{"memory", fmt.Sprintf("%.2f MiB of blocks for a matrix of %.2f MiB in float32", r.Memory.BuffersMB, r.Memory.FullWeightMB)},
		{"Y sha256", r.ComputeProof.OutputSHA256},
	}
	if k := r.Comparison; k != nil {
		fields = append(fields, field{"comparison", fmt.Sprintf("%s: cosine %.6f, largest difference %.3g", k.Status, k.Cosine, k.MaxAbsDiff)})
	}
	writeFields(w, fields)
}
