package convert

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// Decode writes the matrix in f, float32 and two-dimensional, to w as .npy, with
// the outliers of s in their places unless s is nil. Every block is checked. It
// holds one block.
func Decode(ctx context.Context, w io.Writer, f *cdna.File, s *cdna.Sidecar) error {
	if s != nil {
		if err := f.CheckSidecar(s); err != nil {
			return err
		}
	}
	return decodeBlocks(w, &f.Blocks, func(dst []float32, offset int) error { return f.ReadFloat32(ctx, dst, offset, s, nil) })
}

// DecodeLattice writes the matrix in f as Decode does.
func DecodeLattice(ctx context.Context, w io.Writer, f *cdna.Lattice) error {
	return decodeBlocks(w, &f.Blocks, func(dst []float32, offset int) error { return f.ReadFloat32(ctx, dst, offset, nil) })
}

// decodeBlocks writes the weights that read gives, from an offset on, block by block.
func decodeBlocks(w io.Writer, f *cdna.Blocks, read func(dst []float32, offset int) error) error {
	out, err := npy.NewWriter(w, []int{f.Rows(), f.Cols()})
	if err != nil {
		return err
	}
	weights := make([]float32, f.MaxBlockWeights())
	for i := range f.NumBlocks() {
		b := f.Block(i)
		weights := weights[:b.DecompLen]
		if err := read(weights, b.FirstRow*f.Cols()); err != nil {
			return err
		}
		if err := out.Write(weights); err != nil {
			return err
		}
	}
	return out.Close()
}
