package convert

import (
	"context"
	"errors"
	"math"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/codebook"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
)

// inCodebook stores matrices as a codebook and the indices of its values, outliers in a
// sidecar. Options.Method says how the codebook is designed.
type inCodebook struct{}

// sidecarEnding is that of files of outliers.
const sidecarEnding = ".hxzo"

func (inCodebook) format() string { return model.FormatCDNA2 }

func (inCodebook) files(t *checkpoint.Tensor, names fileNames, _ bool) (file, sidecar string, err error) {
	name := names.matrix(t.Name)
	return name + ".cdna2.hxz", name + sidecarEnding, nil
}

func (inCodebook) memory(t *plannedTensor, sized bool) int64 {
	rows, cols := model.MatrixShape(t.Shape)
	chunk := 5 * int64(max(1, chunkWeights/cols)) * int64(cols) // weights and indices
	block := int64(t.rowsOfBlock()) * int64(cols)
	n := designMemory + 2*chunk + 4*block // of the blocks: filling, packing, packed, and room to grow
	if t.options.Bits > 0 || sized {
		n += 9*min(sampleWeights+block, int64(rows)*int64(cols)) + 4*block // the sample, its indices, packed; as measured
	}
	return n
}

// estimate: an entropy-coded even grid needs log2 of the range it resolves, 6.02 dB a bit,
// and a quarter of a bit (Gish and Pierce 1968), for Gaussian weights; others need less.
func (inCodebook) estimate(t *plannedTensor) float64 {
	n := float64(t.Len())
	switch o := t.options; {
	case o.Bits > 0:
		return n / 8 * min(o.Bits, 9)
	case o.SNR > 0:
		return n / 8 * min(max(o.SNR, o.MinSNR)/6.02+0.3, 8.1)
	}
	return n * 1.01
}

func (inCodebook) overhead(t *plannedTensor) float64 { return blockFileOverhead(t) }

// blockFileOverhead is about what a file of blocks holds beside them: the header, the
// codebook, an index entry for each block.
func blockFileOverhead(t *plannedTensor) float64 {
	const head = 1024 + 1024 // codebook; JSON with room for the fidelity
	return head + bytesPerBlockIndex*math.Ceil(float64(t.Len())/(128<<10))
}

func (inCodebook) store(ctx context.Context, c *conversion, t *plannedTensor, entry *model.Tensor) (*MatrixReport, error) {
	rows, cols := model.MatrixShape(t.Shape)
	target, src, o := c.target(t), matrix.Of(t, rows, cols), t.options
	o.Threads = c.threadsEach()
	encode := func() (*MatrixReport, error) {
		o, err := o.normalize()
		if err != nil {
			return nil, err
		}
		e := newEncoder(ctx, src, target, o)
		e.parts = t.parts
		return e.matrix()
	}
	r, err := encode()
	if errors.Is(err, codebook.ErrUnreachable) {
		// So small that the file's overhead alone exceeds the bits: spend them on the
		// indices, as in the other matrices. The report tells.
		o.withoutOverhead = true
		r, err = encode()
	}
	if errors.Is(err, codebook.ErrUnreachable) {
		// A handful of weights, which a codec cannot shrink at all.
		o.Bits, o.SNR = 0, DefaultSNR
		r, err = encode()
	}
	if err != nil {
		return nil, err
	}
	r.WantedBits = t.options.Bits
	r.describe(entry, t.Shape)
	if c.src.Metadata() != nil {
		entry.QuantType = t.DType
	}
	if r.Outliers > 0 {
		sum, n, err := model.HashFile(ctx, target.Sidecar)
		if err != nil {
			return nil, err
		}
		entry.Sidecar = &model.Sidecar{File: t.sidecar, SHA256: sum, Outliers: r.Outliers, Bytes: n}
	}
	f, err := cdna.Open(target.File)
	if err != nil {
		return nil, err
	}
	return r, seal(ctx, entry, &f.Blocks)
}
