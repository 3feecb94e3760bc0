package checkpoint

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// weight is what several stored tensors make together: codes, scales, zero points.
type weight struct {
	kind  string    // as Tensor.DType calls it: "GPTQ4"
	shape []int     // of the matrix, or of several: [experts, rows, columns]
	parts []*Tensor // all that it is made of, in the order in which they are hashed
	rows  rows
}

// rows are a matrix that is decoded by rows. It is safe for concurrent use.
type rows interface {
	// decode fills dst with rows [a, b).
	decode(ctx context.Context, dst []float32, a, b int) error
}

// bandWeights bounds how many weights are decoded at once, unless a row is longer,
// and with them what decoding holds beside them.
const bandWeights = 1 << 16

// tensor returns w as a tensor called name.
func (w *weight) tensor(name string) *Tensor {
	t := &Tensor{Name: name, DType: w.kind, Shape: w.shape, File: w.parts[0].File, data: w}
	for _, p := range w.parts {
		t.Size += p.Size
	}
	return t
}

// ReadFloat32 decodes the rows that hold the elements, a band at a time.
func (w *weight) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	n, _ := dtype.Count(w.shape, 1)
	if off < 0 || off > n || len(dst) > n-off {
		return fmt.Errorf("elements [%d, %d) of %d: %w", off, off+len(dst), n, fs.ErrInvalid)
	}
	if len(dst) == 0 {
		return nil
	}
	cols := w.shape[len(w.shape)-1]
	var row []float32
	for len(dst) > 0 {
		r, col := off/cols, off%cols
		if col == 0 && len(dst) >= cols {
			k := min(len(dst)/cols, max(1, bandWeights/cols))
			if err := w.rows.decode(ctx, dst[:k*cols], r, r+k); err != nil {
				return err
			}
			dst, off = dst[k*cols:], off+k*cols
			continue
		}
		if row == nil {
			row = make([]float32, cols)
		}
		if err := w.rows.decode(ctx, row, r, r+1); err != nil {
			return err
		}
		k := copy(dst, row[col:])
		dst, off = dst[k:], off+k
	}
	return nil
}

// ReadRaw reads the bytes of the parts one after the other.
func (w *weight) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	for _, p := range w.parts {
		if off >= p.Size {
			off -= p.Size
			continue
		}
		n := min(int64(len(dst)), p.Size-off)
		if err := p.ReadRaw(ctx, dst[:n], off); err != nil {
			return err
		}
		if dst, off = dst[n:], 0; len(dst) == 0 {
			return nil
		}
	}
	if len(dst) > 0 {
		return fmt.Errorf("%d bytes beyond the end: %w", len(dst), fs.ErrInvalid)
	}
	return nil
}
