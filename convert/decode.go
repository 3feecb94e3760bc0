package convert

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/codebook"
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
	out, err := npy.NewWriter(w, []int{f.Rows(), f.Cols()})
	if err != nil {
		return err
	}
	always := cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0)
	indices := make([]byte, f.MaxBlockLen())
	weights := make([]float32, f.MaxBlockLen())
	values := f.Codebook()
	for i := range f.NumBlocks() {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := f.Block(i)
		indices, weights := indices[:b.DecompLen], weights[:b.DecompLen]
		if _, err := f.ReadBlock(indices, i, always); err != nil {
			return err
		}
		codebook.Decode(weights, indices, values[:])
		if s != nil {
			s.Apply(weights, uint64(b.FirstRow)*uint64(f.Cols()))
		}
		if err := out.Write(weights); err != nil {
			return err
		}
	}
	return out.Close()
}
