package convert

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// DecodeLossless writes the matrix in f, two-dimensional, to w as .npy without loss:
// F64, F32 and F16 as they are, BF16 and F8, which NumPy has not, widened to
// float32. It returns the type written. Every block is checked. It holds one block.
func DecodeLossless(ctx context.Context, w io.Writer, f *cdna.Lossless) (dtype.Type, error) {
	kind, as := f.DType(), dtype.F32
	descr := map[dtype.Type]string{dtype.F64: "<f8", dtype.F32: "<f4", dtype.F16: "<f2"}[kind]
	if descr != "" {
		as = kind
	} else {
		descr = "<f4"
	}
	if err := npy.WriteHeader(w, descr, []int{f.Rows(), f.Cols()}); err != nil {
		return as, err
	}
	raw := make([]byte, f.MaxBlockLen())
	var widened []float32
	var out []byte
	for i := range f.NumBlocks() {
		block := raw[:f.Block(i).DecompLen]
		if _, err := f.ReadBlock(ctx, block, i, nil); err != nil {
			return as, err
		}
		if as != kind {
			n := len(block) / kind.Size()
			if widened == nil {
				widened = make([]float32, n) // the first block is the longest
			}
			dtype.Decode(widened[:n], block, kind)
			out = dtype.AppendF32(out[:0], widened[:n])
			block = out
		}
		if _, err := w.Write(block); err != nil {
			return as, err
		}
	}
	return as, nil
}
