package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

type matmulCommand struct {
	X         string        `name:"x" required:"" placeholder:"X.npy" help:"The vectors: a .npy array of 1 to 3 dimensions."`
	W         string        `name:"w" required:"" placeholder:"FILE" help:"The matrix: a CDNA file."`
	Out       string        `name:"out" short:"o" required:"" placeholder:"Y.npy" help:"Where the product goes."`
	Transpose bool          `name:"transpose" help:"Compute X @ Wᵀ instead of X @ W."`
	Sidecar   string        `name:"sidecar" placeholder:"S.hxzo" help:"Exact values for outliers."`
	Quality   string        `name:"quality" placeholder:"MODE" enum:"accurate,fast," default:"" help:"Apply the sidecar only where the file's own cosine is below 0.999 (accurate) or 0.998 (fast)."`
	MinCosine float64       `name:"min-cosine" placeholder:"C" help:"Apply the sidecar only where the file's own cosine is below C."`
	Verify    string        `name:"verify" enum:"always,sampled,trust-cached" default:"trust-cached" help:"When blocks are checked against their SHA-256: always, sampled (about 10 %) or trust-cached (on first use)."`
	Seed      uint64        `name:"seed" help:"Chooses the blocks of --verify sampled."`
	Threads   int           `name:"threads" help:"Workers; 0 means all cores."`
	Memory    byteunit.Size `name:"memory" placeholder:"SIZE" help:"Keep the whole process within SIZE, such as 64MiB; refused, with the smallest workable size, where that is too small."`
	Compare   string        `name:"compare" placeholder:"Y0.npy" help:"Compare Y with a canonical result: PASS from a cosine of 0.999 on, ACCEPTABLE from 0.99."`
	Receipt   string        `name:"receipt" placeholder:"R.json" help:"Write the receipt there."`
	JSON      bool          `name:"json" help:"Print the receipt."`
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
	if err := distinct([]string{c.X, c.W, c.Sidecar, c.Compare}, []string{c.Out, c.Receipt}); err != nil {
		return err
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
	engineOptions := stream.EngineOptions{Threads: c.Threads}
	if c.Memory > 0 {
		lean()
		if engineOptions.Budget, err = c.budget(); err != nil {
			return err
		}
	}
	engine, err := stream.NewEngine(engineOptions)
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

	// The receipt's file comes first: a product without it would be no success.
	paths := map[string]string{"x": c.X, "w": c.W}
	if c.Sidecar != "" {
		paths["sidecar"] = c.Sidecar
	}
	rec, err := newRecord(c.Receipt, c.Threads, paths)
	if err != nil {
		return err
	}
	defer rec.abort()
	y, r, err := c.multiply(env, w, x)
	if err != nil {
		return err
	}
	if err := npy.Create(c.Out, y.Shape, y.Data); err != nil {
		return err
	}
	if err := c.record(env, rec, r, x, y); err != nil {
		return err
	}
	if c.JSON {
		err = receipt.WriteJSON(env.stdout, r)
	} else {
		printProduct(env.stdout, r, x, y)
	}
	if err == nil && r.Comparison != nil && r.Comparison.Status == "FAIL" {
		err = fmt.Errorf("%s: cosine %.6f to %s: %w", c.Out, r.Comparison.Cosine, c.Compare, errDiffers)
	}
	return err
}

// record writes the receipt, if one is wanted: what was multiplied as claims, the
// original's receipt as detail of the measurements.
func (c *matmulCommand) record(env *environment, rec *record, r *receipt.StreamXW, x, y stream.Tensor) error {
	if c.Receipt == "" {
		return nil
	}
	f, err := cdna.Open(c.W)
	if err != nil {
		return err
	}
	defer f.Close()
	claims := receipt.MatMulClaims{
		Operation: receipt.OpMatMul, Transpose: c.Transpose,
		X: receipt.ArrayClaim{Shape: x.Shape, SHA256: r.ComputeProof.InputSHA256},
		Y: receipt.ArrayClaim{Shape: y.Shape, SHA256: r.ComputeProof.OutputSHA256},
	}
	if claims.Matrix, err = matrixClaim(f); err != nil {
		return err
	}
	if c.Sidecar != "" {
		sum, _, err := model.HashFile(env.ctx, c.Sidecar)
		if err != nil {
			return err
		}
		claims.Sidecar = &receipt.SidecarClaim{SHA256: sum, Applied: r.SidecarApplied, Corrections: r.SidecarCorrections}
	}
	rec.Detail = r
	rec.Measurements.Memory.Limit = int64(c.Memory)
	rec.Add(receipt.Operation{
		Name: receipt.OpMatMul, TensorName: claims.Matrix.TensorName, TimingMS: receipt.Float(r.DurationMS),
		Elements: int64(len(y.Data)), Outliers: r.SidecarCorrections,
		Proof: receipt.Proof{Input: claims.X.SHA256, Output: claims.Y.SHA256},
	})
	return rec.write(claims)
}

// errDiffers is the outcome of a comparison that failed.
var errDiffers = errors.New("the product differs from the canonical one")

// multiply computes the product and its receipt.
func (c *matmulCommand) multiply(env *environment, w *stream.Matrix, x stream.Tensor) (stream.Tensor, *receipt.StreamXW, error) {
	recorder := w.Record(c.Sidecar)
	product, record := w.MatMul, recorder.MatMul
	if c.Transpose {
		product, record = w.MatMulTransposed, recorder.MatMulTransposed
	}
	y, stats, err := product(env.ctx, x)
	if err != nil {
		return y, nil, err
	}
	r := record(x, y, stats)
	r.Memory.LimitMB = float64(c.Memory) / (1 << 20)
	if c.Compare != "" {
		canonical, _, err := npy.ReadFloat32(c.Compare)
		if err != nil {
			return y, nil, err
		}
		comparison, err := receipt.CompareVsCanonical(y.Data, canonical)
		if err != nil {
			return y, nil, fmt.Errorf("%s: %w", c.Compare, err)
		}
		r.Comparison = &comparison
	}
	return y, r, nil
}

// budget leaves to the blocks what --memory does not need for the program, X and
// Y, and says how much would do where that is not enough for one block.
func (c *matmulCommand) budget() (*stream.Budget, error) {
	x, err := npy.Open(c.X)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	w, err := cdna.Open(c.W)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	in, out := w.Rows(), w.Cols()
	if c.Transpose {
		in, out = out, in
	}
	batch := int64(x.Len() / in)
	fixed := programMemory + 4*int64(x.Len()) + 4*batch*int64(out)
	if c.Sidecar != "" {
		fixed += 4 * batch * int64(out) // X @ W sums corrections apart
	}
	plan, err := stream.PlanResidency(int64(c.Memory)-fixed, 1, []*cdna.File{w})
	if err != nil {
		return nil, fmt.Errorf("--memory %s is too small, at least %s would do: %w",
			byteunit.Format(int64(c.Memory)), byteunit.FormatUp(fixed+plan.Minimum), errMemory)
	}
	debug.SetMemoryLimit(fixed) // the collector's share: all but the blocks
	return stream.NewBudget(int64(c.Memory) - fixed), nil
}

// programMemory is what the program itself takes, its code and a small heap
// included; measured at 11 to 13 MiB on Linux.
const programMemory = 18 << 20

// errMemory refuses a --memory that is too small.
var errMemory = errors.New("not enough memory")

func printProduct(w io.Writer, r *receipt.StreamXW, x, y stream.Tensor) {
	verified := fmt.Sprintf("%d of %d, policy %s", r.BlocksVerified, len(r.BlocksTouched), r.VerifyPolicy)
	sidecar := "none"
	if r.SidecarApplied {
		sidecar = fmt.Sprintf("%d corrections", r.SidecarCorrections)
	} else if r.SidecarSkipReason != "" {
		sidecar = "not applied: " + r.SidecarSkipReason
	}
	fields := []field{
		{"tensor", r.TensorName},
		{"X → Y", shape(x.Shape...) + " → " + shape(y.Shape...)},
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
