package cdna

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// Decode writes the codebook's value of each index to dst, which is as long.
func (f *File) Decode(dst []float32, indices []byte) {
	dst = dst[:len(indices)]
	for i, index := range indices {
		dst[i] = f.codebook[index]
	}
}

// ReadFloat32 reads len(dst) weights from weight offset on, row by row: codebook values, with the outliers of s, which
// must be this file's (CheckSidecar), in their places unless s is nil. It reads the blocks that hold them and checks these
// as ReadBlock does with v. Errors wrap ErrShape when there are not so many.
func (f *File) ReadFloat32(ctx context.Context, dst []float32, offset int, s *Sidecar, v *Verifier) error {
	return f.readWeights(ctx, dst, offset, v, func(dst []float32, indices []byte, at int) {
		f.Decode(dst, indices)
		if s != nil {
			s.Apply(dst, uint64(at))
		}
	})
}

// ReadFloat32 reads len(dst) weights from weight offset on, row by row, widened to float32. It reads the blocks that hold
// them and checks these as ReadBlock does with v. Errors wrap ErrShape when there are not so many.
func (f *Lossless) ReadFloat32(ctx context.Context, dst []float32, offset int, v *Verifier) error {
	return f.readWeights(ctx, dst, offset, v, func(dst []float32, elements []byte, _ int) {
		dtype.Decode(dst, elements, f.header.DType)
	})
}

// readWeights has decode turn the bytes of each block's part of the weights into them, of which the first is weight at.
func (f *Blocks) readWeights(ctx context.Context, dst []float32, offset int, v *Verifier, decode func(dst []float32, raw []byte, at int)) error {
	if n := int64(f.grid.rows) * int64(f.grid.cols); offset < 0 || int64(offset) > n-int64(len(dst)) {
		return fmt.Errorf("%s: %w: %d weights from %d on, it has %d", f.name, ErrShape, len(dst), offset, n)
	}
	raw := take(&f.plain, f.MaxBlockLen())
	defer f.plain.Put(raw)
	width := f.grid.width
	for full := f.MaxBlockWeights(); len(dst) > 0; {
		i, skip := offset/full, offset%full
		block := (*raw)[:f.blocks[i].DecompLen]
		if _, err := f.ReadBlock(ctx, block, i, v); err != nil {
			return err
		}
		n := min(len(dst), len(block)/width-skip)
		decode(dst[:n], block[skip*width:][:n*width], offset)
		dst, offset = dst[n:], offset+n
	}
	return nil
}

// Weights returns the matrix of f as float32, with the outliers of s in their places unless s is nil; blocks are checked
// as v says. Both must stay. A sidecar of another file is ErrSidecar.
func (f *File) Weights(s *Sidecar, v *Verifier) (matrix.Source, error) {
	if s != nil {
		if err := f.CheckSidecar(s); err != nil {
			return nil, err
		}
	}
	return matrix.Of(quantized{f, s, v}, f.Rows(), f.Cols()), nil
}

type quantized struct {
	file    *File
	sidecar *Sidecar
	verify  *Verifier
}

func (q quantized) ReadFloat32(ctx context.Context, dst []float32, offset int) error {
	return q.file.ReadFloat32(ctx, dst, offset, q.sidecar, q.verify)
}

// Weights returns the matrix of f as float32; blocks are checked as v says.
func (f *Lossless) Weights(v *Verifier) matrix.Source {
	return matrix.Of(lossless{f, v}, f.Rows(), f.Cols())
}

type lossless struct {
	file   *Lossless
	verify *Verifier
}

func (l lossless) ReadFloat32(ctx context.Context, dst []float32, offset int) error {
	return l.file.ReadFloat32(ctx, dst, offset, l.verify)
}
