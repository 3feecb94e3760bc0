package record

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
	"github.com/helix-substrate/helix-substrate/stream"
)

// Product is a multiplication of files: vectors in a .npy file by a CDNA matrix.
type Product struct {
	X, W, Sidecar string // paths; no sidecar is ""
	Transpose     bool   // X @ Wᵀ, else X @ W
	Verify        cdna.Policy
	Seed          uint64         // of cdna.Sampled
	Quality       stream.Quality // says whether the sidecar is applied
	Threads       int
	CPU           string
	Canon         stream.Canon // of a lattice matrix, empty for stream.CanonInteger
	Memory        int64        // that the whole process may hold; 0 is what the control group allows
}

// Multiplied is what a product gave, and its receipt in the original's schema.
type Multiplied struct {
	X, Y    stream.Tensor
	Receipt *legacy.StreamXW
}

// Run multiplies. note, if not nil, is told what a user should know of the inputs. Errors
// are those of reading, those of [Multiply], and memory.ErrLimit with the smallest limit
// that would do. The limit is kept until Run returns; whoever does more with what it gives
// keeps it longer (memory.Limit.Begin).
func (p *Product) Run(ctx context.Context, note func(string)) (*Multiplied, error) {
	o := stream.MatrixOptions{Verify: p.Verify, Seed: p.Seed, Quality: p.Quality}
	var err error
	if p.Sidecar != "" {
		if o.Sidecar, err = cdna.OpenSidecar(p.Sidecar); err != nil {
			return nil, err
		}
	}
	engineOptions := stream.EngineOptions{Threads: p.Threads, CPU: p.CPU, Canon: p.Canon}
	limit := memory.Allowed(p.Memory)
	defer limit.Begin()()
	f, err := stream.OpenIndexed(ctx, p.W)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if limit.Source != memory.None {
		if engineOptions.Budget, err = p.budget(f, limit, o.Sidecar); err != nil {
			return nil, err
		}
	}
	engine, err := stream.NewEngine(engineOptions)
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	w, err := engine.NewIndexed(f, o)
	if err != nil {
		return nil, err
	}
	tell(note, f.Note())
	m := &Multiplied{}
	if m.X, err = readVectors(ctx, p.X, note); err != nil {
		return nil, err
	}
	if m.Y, m.Receipt, err = Multiply(ctx, w, m.X, p.Transpose, p.Sidecar); err != nil {
		return nil, err
	}
	m.Receipt.Memory.LimitMB = float64(limit.Bytes) / (1 << 20)
	return m, nil
}

// Claims say what Run has multiplied.
func (p *Product) Claims(ctx context.Context, m *Multiplied) (receipt.MatMulClaims, error) {
	r := m.Receipt
	claims := receipt.MatMulClaims{
		Operation: receipt.OpMatMul, Verify: VerifyClaim(p.Verify), Transpose: p.Transpose, Quality: p.Quality.Mode, MinCosine: receipt.Float(p.Quality.MinCosine),
		X: receipt.ArrayClaim{Shape: m.X.Shape, SHA256: r.ComputeProof.InputSHA256},
		Y: receipt.ArrayClaim{Shape: m.Y.Shape, SHA256: r.ComputeProof.OutputSHA256},
	}
	f, err := stream.OpenIndexed(ctx, p.W)
	if err != nil {
		return claims, err
	}
	defer f.Close()
	if _, ok := f.(*cdna.Lattice); ok && p.Transpose {
		canon, err := stream.ParseCanon(string(p.Canon))
		if err != nil {
			return claims, err
		}
		claims.Canon = string(canon)
	}
	if claims.Matrix, err = matrixClaim(ctx, f); err != nil || p.Sidecar == "" {
		return claims, err
	}
	sum, _, err := model.HashFile(ctx, p.Sidecar)
	claims.Sidecar = &receipt.SidecarClaim{SHA256: sum, Applied: r.SidecarApplied, Corrections: r.SidecarCorrections}
	return claims, err
}

// Note adds to a receipt on its way what was multiplied, and the original's receipt as detail
// of the measurements, and returns the claims.
func (p *Product) Note(ctx context.Context, run *Run, m *Multiplied) (receipt.MatMulClaims, error) {
	claims, err := p.Claims(ctx, m)
	if err != nil {
		return claims, err
	}
	run.Detail = m.Receipt
	run.Measurements.Memory.Limit = p.Memory
	operation := m.Receipt.Operation()
	operation.Elements = int64(len(m.Y.Data))
	run.Add(operation)
	if claims.Sidecar != nil && claims.Sidecar.Applied {
		run.Add(claims.Sidecar.Operation(claims.Matrix.TensorName, claims.Y.SHA256))
	}
	return claims, nil
}

// Compare adds to the receipt how near Y comes to the canonical result in a .npy file. Errors
// are those of reading, and receipt.ErrCompare.
func (m *Multiplied) Compare(ctx context.Context, path string, note func(string)) error {
	canonical, err := readVectors(ctx, path, note)
	if err != nil {
		return err
	}
	c, err := receipt.CompareVsCanonical(m.Y.Data, canonical.Data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	m.Receipt.Comparison = &c
	return nil
}

// budget leaves to the blocks what the limit does not need for the program, X and Y,
// and says how much would do where that is not enough for one block.
func (p *Product) budget(f stream.IndexedFile, limit memory.Limit, sidecar *cdna.Sidecar) (*memory.Ledger, error) {
	x, err := npy.Open(p.X)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	layout := stream.IndexedLayout(f)
	in, out := layout.Rows, layout.Cols
	if p.Transpose {
		in, out = out, in
	}
	held := memory.Held() // with the sidecar and the blocks' index
	batch := int64(x.Len() / max(1, in))
	vectors := 4*int64(x.Len()) + 4*batch*int64(out)
	outliers := 0
	if sidecar != nil {
		outliers = len(sidecar.Positions)
		vectors += layout.SidecarBytes(outliers)
	}
	// The vectors are packed once more, and a receipt names every block.
	share := memory.Share(held, vectors+4*int64(x.Len())+layout.HeapBytes+4*batch*int64(layout.Escaped)+int64(layout.Blocks)*receiptPerBlock)
	scaled := int64(0)
	if !p.Transpose {
		scaled = layout.ScaledBytes(batch, outliers)
	}
	plan, err := stream.PlanResidency(limit.Bytes-share-scaled, 1, []stream.Layout{layout})
	if err != nil {
		return nil, limit.TooSmall("for this product", share+scaled+plan.Minimum)
	}
	memory.Settle(share)
	return memory.NewLedger(limit.Bytes - share), nil
}

// receiptPerBlock is about what a block takes in the receipt of a product.
const receiptPerBlock = 512

// readVectors reads a .npy file as float32. note is told how many values are rounded.
func readVectors(ctx context.Context, path string, note func(string)) (x stream.Tensor, err error) {
	var rounding string
	x.Data, x.Shape, rounding, err = npy.ReadRounded(ctx, path)
	tell(note, rounding)
	return x, err
}

func tell(note func(string), text string) {
	if note != nil && text != "" {
		note(text)
	}
}
