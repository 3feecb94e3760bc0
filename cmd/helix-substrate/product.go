package main

import (
	"context"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/byteunit"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

// product is a multiplication by a compressed matrix, as matmul does it and a replay
// does it again.
type product struct {
	x, w, sidecar string // paths; no sidecar is ""
	transpose     bool
	options       stream.MatrixOptions // but for the sidecar
	threads       int
	cpu           string
	memory        byteunit.Size // of the whole process, 0 is what the control group allows
}

// run multiplies and returns the original's receipt of it.
func (p *product) run(env *environment) (x, y stream.Tensor, r *receipt.StreamXW, err error) {
	o := p.options
	if p.sidecar != "" {
		if o.Sidecar, err = cdna.OpenSidecar(p.sidecar); err != nil {
			return x, y, nil, err
		}
	}
	engineOptions := stream.EngineOptions{Threads: p.threads, CPU: p.cpu}
	limit := memory.Allowed(int64(p.memory))
	if limit.Source != memory.None {
		limit.Begin()
		if engineOptions.Budget, err = p.budget(env.ctx, limit, o.Sidecar); err != nil {
			return x, y, nil, err
		}
	}
	engine, err := stream.NewEngine(engineOptions)
	if err != nil {
		return x, y, nil, err
	}
	defer engine.Close()
	w, err := engine.Open(p.w, o)
	if err != nil {
		return x, y, nil, err
	}
	defer w.Close()
	noteVersion1(env, w.File())
	if err := sayRounded(env, p.x); err != nil {
		return x, y, nil, err
	}
	if x.Data, x.Shape, err = npy.ReadFloat32(p.x); err != nil {
		return x, y, nil, err
	}
	recorder := w.Record(p.sidecar)
	multiply, record := w.MatMul, recorder.MatMul
	if p.transpose {
		multiply, record = w.MatMulTransposed, recorder.MatMulTransposed
	}
	y, stats, err := multiply(env.ctx, x)
	if err != nil {
		return x, y, nil, err
	}
	r = record(x, y, stats)
	r.Memory.LimitMB = float64(limit.Bytes) / (1 << 20)
	return x, y, r, nil
}

// claims say what run has multiplied.
func (p *product) claims(ctx context.Context, x, y stream.Tensor, r *receipt.StreamXW) (receipt.MatMulClaims, error) {
	claims := receipt.MatMulClaims{
		Operation: receipt.OpMatMul, Transpose: p.transpose, Quality: p.options.Quality.Mode, MinCosine: receipt.Float(p.options.Quality.MinCosine),
		X: receipt.ArrayClaim{Shape: x.Shape, SHA256: r.ComputeProof.InputSHA256},
		Y: receipt.ArrayClaim{Shape: y.Shape, SHA256: r.ComputeProof.OutputSHA256},
	}
	f, err := openCDNA(ctx, p.w)
	if err != nil {
		return claims, err
	}
	defer f.Close()
	if claims.Matrix, err = matrixClaim(f); err != nil || p.sidecar == "" {
		return claims, err
	}
	sum, _, err := model.HashFile(ctx, p.sidecar)
	claims.Sidecar = &receipt.SidecarClaim{SHA256: sum, Applied: r.SidecarApplied, Corrections: r.SidecarCorrections}
	return claims, err
}

// budget leaves to the blocks what the limit does not need for the program, X and Y,
// and says how much would do where that is not enough for one block.
func (p *product) budget(ctx context.Context, limit memory.Limit, sidecar *cdna.Sidecar) (*stream.Budget, error) {
	x, err := npy.Open(p.x)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	w, err := openCDNA(ctx, p.w)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	in, out := w.Rows(), w.Cols()
	if p.transpose {
		in, out = out, in
	}
	held := memory.Held() // with the sidecar and the blocks' index
	batch := int64(x.Len() / max(1, in))
	vectors := 4*int64(x.Len()) + 4*batch*int64(out)
	if sidecar != nil {
		vectors += 4 * batch * int64(out) // X @ W sums corrections apart
		vectors += stream.SidecarSize(w, len(sidecar.Positions))
	}
	// The vectors are packed once more, and a receipt names every block.
	share := memory.Share(held, vectors+4*int64(x.Len())+int64(w.NumBlocks())*receiptPerBlock)
	plan, err := stream.PlanResidency(limit.Bytes-share, 1, []*cdna.File{w})
	if err != nil {
		return nil, limit.TooSmall("for this product", share+plan.Minimum)
	}
	memory.Settle(share)
	return stream.NewBudget(limit.Bytes - share), nil
}

// receiptPerBlock is about what a block takes in the receipt of a product.
const receiptPerBlock = 512
