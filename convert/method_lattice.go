package convert

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
)

// inLattice stores matrices as integers with a step per column, by the
// statistics of their inputs.
type inLattice struct{}

func (inLattice) format() string { return model.FormatLattice }

func (inLattice) files(t *checkpoint.Tensor, names fileNames, _ bool) (file, sidecar string, err error) {
	return names.matrix(t.Name) + cdna.LatticeSuffix, "", nil
}

func (inLattice) memory(t *plannedTensor, _ bool) int64 {
	rows, cols := model.MatrixShape(t.Shape)
	n, squares := int64(cols), int64(lattice.SquareLen(cols))
	const (
		perWeight = 1             // a code
		perGram   = 8 + 2         // of the squares of Σ: taken apart in float64, and half of it in float32
		perColumn = 1024*6 + 8*72 // of the rows that decide about the steps: weights, codes, and codes in the file's order; near parts of Σ
		perRow    = 40            // its energy and place among the others, its class and spread, its scale here and in the file
		perWorker = 400 << 10     // tables of the entropy coder, stacks, what the allocator keeps for each, what a block of columns has lost
		perThread = 128 * 17      // of a panel of rows: weights, what they became, what was lost, codes
	)
	block := int64(t.rowsOfBlock()) * n
	threads := int64(t.options.Threads)
	return int64(rows)*(n*perWeight+perRow) + squares*perGram + n*(perColumn+threads*perThread) + threads*perWorker + (4+2*threads)*block
}

func (inLattice) estimate(t *plannedTensor) float64 { return float64(t.Len()) / 8 * t.options.Bits }

func (inLattice) overhead(t *plannedTensor) float64 {
	_, cols := model.MatrixShape(t.Shape)
	const head = 704                                                                           // JSON with room for names and the fidelity
	return head + 2.5*float64(cols) + bytesPerBlockIndex*math.Ceil(float64(t.Len())/(128<<10)) // steps in bfloat16, classes
}

func (inLattice) store(ctx context.Context, c *conversion, t *plannedTensor, entry *model.Tensor) (*MatrixReport, error) {
	rows, cols := model.MatrixShape(t.Shape)
	var weights, threads = matrix.Of(t, rows, cols), c.threadsOfLattice()
	var factor *lattice.Factor
	var err error
	if k := t.correction; k != nil {
		threads, factor = c.options.Threads, k.factor
		weights, err = k.apply(ctx, weights, threads)
	} else {
		factor, err = c.calibration.factor(ctx, t.Name, cols, threads)
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	o := lattice.Options{Bits: t.bits(), InMemory: t.options.InMemory, Threads: threads, Lattice: cdna.LatticeOptions{
		TensorName: t.Name, BlockRows: t.options.BlockRows, Codec: t.options.Codec, Level: t.options.Level, Threads: threads,
	}}
	result, err := lattice.Quantize(ctx, weights, factor, o)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if _, err := cdna.CreateLattice(c.stage(t.file), &result.Matrix, o.Lattice); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	f, err := cdna.OpenLattice(c.stage(t.file))
	if err != nil {
		return nil, err
	}
	r := latticeReport(f, result)
	r.InMemory = t.options.InMemory
	if result.Bits > t.options.Bits+rateTolerance {
		r.WantedBits = t.options.Bits
	}
	r.describe(entry, t.Shape)
	if c.src.Metadata() != nil {
		entry.QuantType = t.DType
	}
	return r, seal(ctx, entry, &f.Blocks)
}

// rateTolerance is within how many bits the rate of a small matrix is found: its file's size has
// steps.
const rateTolerance = 0.05

// bits is the rate that a lattice matrix is quantized at. Where it is so small that the file
// around it would take more than half of that, the bits are for the integers alone; the report tells.
func (t *plannedTensor) bits() float64 {
	around := float64(8*inLattice{}.overhead(t)) / float64(t.Len())
	if around > t.options.Bits/2 {
		return t.options.Bits + around
	}
	return t.options.Bits
}

// latticeReport tells what became of a matrix.
func latticeReport(f *cdna.Lattice, result *lattice.Result) *MatrixReport {
	weights := float64(f.Rows()) * float64(f.Cols())
	h := f.Header()
	r := &MatrixReport{
		Rows: f.Rows(), Cols: f.Cols(), Method: Lattice, Codec: h.Encoding, BlockRows: h.BlockRows, Blocks: h.NumBlocks, Bytes: f.Size(),
		BitsPerWeight: 8 * float64(f.Size()) / weights, BitsInMemory: 8 * float64(f.ResidentBytes()) / weights,
		MSE: result.Fidelity.MSE, Cosine: result.Fidelity.Cosine, CosineNoSidecar: result.Fidelity.Cosine, MaxAbsError: result.Fidelity.MaxError,
	}
	if v := result.Fidelity.SNR; !math.IsInf(v, 0) {
		r.SNRdB = &v
	}
	if v := result.OutputSNR; !math.IsInf(v, 0) {
		r.OutputSNRdB = &v
	}
	return r
}

// factor takes Σ of a tensor's input of n values apart. It is made anew for each of the tensors that
// share it: that is little beside quantizing one.
func (k *calibration) factor(ctx context.Context, tensor string, n, threads int) (*lattice.Factor, error) {
	in, ok := k.statistics.For(tensor)
	if !ok || in.N != n {
		return nil, fmt.Errorf("statistics of %d inputs, it has %d: %w", in.N, n, calibrate.ErrStatistics)
	}
	gram := make([]float32, lattice.GramLen(n))
	if err := k.statistics.Gram(ctx, gram, in.Key); err != nil {
		return nil, err
	}
	f, err := lattice.NewFactor(ctx, gram, n, lattice.Damping(in.Tokens, n), threads)
	if errors.Is(err, lattice.ErrGram) {
		err = fmt.Errorf("%w: %s: %w", calibrate.ErrStatistics, in.Key, err)
	}
	return f, err
}
