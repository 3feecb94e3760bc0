package cdna

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/matrix"
)

// ReadFloat32 reads len(dst) weights from weight offset on, row by row, in the matrix's own order: the integer times its
// column's step, rounded to float32, times its row's scale, rounded again. It reads the blocks that hold them and checks
// these as ReadBlock does with v. Errors wrap ErrShape when there are not so many.
func (f *Lattice) ReadFloat32(ctx context.Context, dst []float32, offset int, v *Verifier) error {
	rows, cols := f.grid.rows, f.grid.cols
	if n := int64(rows) * int64(cols); offset < 0 || int64(offset) > n-int64(len(dst)) {
		return fmt.Errorf("%s: %w: %d weights from %d on, it has %d", f.name, ErrShape, len(dst), offset, n)
	}
	raw := take(&f.plain, f.MaxBlockLen())
	defer f.plain.Put(raw)
	for len(dst) > 0 {
		i := offset / cols / f.grid.blockRows
		b := &f.blocks[i]
		codes := (*raw)[:b.DecompLen]
		if _, err := f.ReadBlock(ctx, codes, i, v); err != nil {
			return err
		}
		for len(dst) > 0 && offset/cols < b.FirstRow+b.Rows {
			row, column := offset/cols, offset%cols
			n := min(len(dst), cols-column)
			f.restoreRow(dst[:n], codes[(row-b.FirstRow)*cols:][:cols], row, column)
			dst, offset = dst[n:], offset+n
		}
	}
	return nil
}

// Decode writes the weights of the rows from row first on to dst, in the matrix's own order, of which codes has the codes
// as in a block; both are as long, whole rows.
func (f *Lattice) Decode(dst []float32, codes []byte, first int) {
	cols := f.grid.cols
	for ; len(dst) > 0; first++ {
		f.restoreRow(dst[:cols], codes[:cols], first, 0)
		dst, codes = dst[cols:], codes[cols:]
	}
}

// restoreRow writes the weights of a row, from column first on, of which codes has the codes in a block's order.
func (f *Lattice) restoreRow(dst []float32, codes []byte, row, first int) {
	t := float32(1)
	if f.rowScale != nil {
		t = f.rowScale[row]
	}
	for place, code := range codes {
		if j := int(f.order[place]) - first; 0 <= j && j < len(dst) {
			dst[j] = latticeWeight(int32(code)-LatticeZero, f.steps[place], t)
		}
	}
	start := uint64(row)*uint64(f.grid.cols) + uint64(first)
	for k := f.firstEscape(start); k < len(f.escapes) && f.escapes[k].Position-start < uint64(len(dst)); k++ {
		dst[f.escapes[k].Position-start] = latticeWeight(f.escapes[k].Value, f.steps[f.escapePlaces[k]], t)
	}
}

// latticeWeight is the value that stands for z.
func latticeWeight(z int32, s, t float32) float32 { return float32(float32(z)*s) * t }

// Weights returns the matrix of f as float32; blocks are checked as v says.
func (f *Lattice) Weights(v *Verifier) matrix.Source {
	return matrix.Of(lattice{f, v}, f.Rows(), f.Cols())
}

type lattice struct {
	file   *Lattice
	verify *Verifier
}

func (l lattice) ReadFloat32(ctx context.Context, dst []float32, offset int) error {
	return l.file.ReadFloat32(ctx, dst, offset, l.verify)
}
