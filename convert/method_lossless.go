package convert

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/model"
)

// RawMatrix is a matrix of floating-point numbers as it is stored: rows · cols
// elements, row-major, little-endian.
type RawMatrix struct {
	DType      dtype.Type // one of cdna.IsLosslessType
	Rows, Cols int
	// ReadRaw fills dst with the bytes at an offset.
	ReadRaw func(ctx context.Context, dst []byte, offset int64) error
}

// LosslessMatrix writes m to a lossless file, with the codec, level, block rows and
// threads of o. It reads m once, in order, and holds a few blocks. On an error, the
// context's included, no file is left behind. Other errors are ErrOption, ErrDType
// and those of reading and writing.
func LosslessMatrix(ctx context.Context, m RawMatrix, name, file string, o Options) (*MatrixReport, error) {
	return losslessFile(m, name, file, o, func(w *cdna.LosslessWriter) error {
		size := int64(m.Rows) * int64(m.Cols) * int64(m.DType.Size())
		buf := make([]byte, min(size, 4*chunkWeights))
		for at := int64(0); at < size; at += int64(len(buf)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			buf := buf[:min(int64(len(buf)), size-at)]
			if err := m.ReadRaw(ctx, buf, at); err != nil {
				return err
			}
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		return nil
	})
}

// losslessFile writes m to a lossless file, whose blocks come from fill.
func losslessFile(m RawMatrix, name, file string, o Options, fill func(w *cdna.LosslessWriter) error) (*MatrixReport, error) {
	o, err := o.normalize()
	if err != nil {
		return nil, err
	}
	if !cdna.IsLosslessType(m.DType) {
		return nil, losslessTypeError(name, string(m.DType))
	}
	w, err := cdna.CreateLossless(file, cdna.LosslessOptions{
		TensorName: name, Rows: m.Rows, Cols: m.Cols, DType: m.DType, BlockRows: o.BlockRows, Codec: o.Codec, Level: o.Level, Threads: o.Threads,
	})
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	defer w.Abort()
	if err := fill(w); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	stats, err := w.Finish()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return &MatrixReport{
		Rows: m.Rows, Cols: m.Cols, Method: Lossless, Codec: o.Codec, BlockRows: w.BlockRows(), Blocks: stats.NumBlocks,
		Bytes: stats.TotalBytes, BitsPerWeight: float64(stats.TotalBytes) * 8 / (float64(m.Rows) * float64(m.Cols)),
		Cosine: 1, CosineNoSidecar: 1,
	}, nil
}

// losslessTypeError refuses what no lossless file holds: above all the quantized
// types of GGUF, which are compressed already and would grow.
func losslessTypeError(tensor, kind string) error {
	return fmt.Errorf("tensor %q has dtype %s; method lossless keeps F64, F32, F16, BF16, F8_E4M3 and F8_E5M2: %w", tensor, kind, ErrDType)
}

// inLossless stores matrices in lossless files.
type inLossless struct{}

func (inLossless) format() string { return model.FormatLossless }

func (inLossless) files(t *checkpoint.Tensor, names fileNames, _ bool) (file, sidecar string, err error) {
	if !cdna.IsLosslessType(t.Type) {
		return "", "", losslessTypeError(t.Name, t.DType)
	}
	return names.matrix(t.Name) + cdna.LosslessSuffix, "", nil
}

func (inLossless) memory(t *plannedTensor, _ bool) int64 {
	_, cols := model.MatrixShape(t.Shape)
	block := int64(t.rowsOfBlock()) * int64(cols) * int64(t.Type.Size())
	return 4*chunkWeights + 6*block // of the blocks: filling, planes, packing, packed, and room to grow
}

// estimate is the source's size: less, but for how much less nobody vouches.
func (inLossless) estimate(t *plannedTensor) float64 { return float64(t.Size) }

func (inLossless) overhead(t *plannedTensor) float64 { return blockFileOverhead(t) }

func (inLossless) store(ctx context.Context, c *conversion, t *plannedTensor, entry *model.Tensor) (*MatrixReport, error) {
	rows, cols := model.MatrixShape(t.Shape)
	o := t.options
	o.Threads = c.threadsEach()
	m := RawMatrix{DType: t.Type, Rows: rows, Cols: cols, ReadRaw: t.ReadRaw}
	var r *MatrixReport
	var err error
	if t.parts == nil {
		r, err = LosslessMatrix(ctx, m, t.Name, c.stage(t.file), o)
	} else {
		r, err = t.parts.lossless(ctx, m, c.stage(t.file), o)
	}
	if err != nil {
		return nil, err
	}
	r.describe(entry, t.Shape)
	entry.DType = string(t.Type)
	f, err := cdna.OpenLossless(c.stage(t.file))
	if err != nil {
		return nil, err
	}
	return r, seal(ctx, entry, &f.Blocks)
}
