package checkpoint

import (
	"context"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// scaled is a matrix of float8 or int8 with a scale for each block of rows × columns:
// a weight is its value, less the zero point if there is one, times the scale.
type scaled struct {
	values           Data
	scales, zeros    Data // zeros may be nil
	rows, cols       int  // of one matrix of several
	blockRows, block int  // of a block: rows and columns
	factor           float32
}

// newScaled pairs t with its scales: one for all, one for each of several matrices, one a
// row, or one for each block of a size among blocks. zeros, if not nil, has the scales' shape.
func newScaled(t, scales, zeros *Tensor, blocks [][2]int) (*scaled, error) {
	lead, rows, cols := matrices(t.Shape)
	s := &scaled{values: t.data, scales: scales.data, rows: rows, cols: cols, factor: 1}
	if scales.Type == dtype.U8 {
		s.scales = exponents{scales.data}
	}
	if zeros != nil {
		if !slices.Equal(zeros.Shape, scales.Shape) {
			return nil, fmt.Errorf("%s has shape %v, the scales %v: %w", zeros.Name, zeros.Shape, scales.Shape, ErrScale)
		}
		s.zeros = zeros.data
	}
	if t.Len() == 0 {
		return s, nil
	}
	count, _ := dtype.Count(lead, 1)
	with := func(dims ...int) []int { return append(slices.Clone(lead), dims...) }
	shape := scales.Shape
	switch n := scales.Len(); {
	case n == 1:
		s.rows, s.blockRows, s.block = count*rows, count*rows, cols
		return s, nil
	case n == count && slices.Equal(trimOnes(shape), lead):
		s.blockRows, s.block = rows, cols
		return s, nil
	case slices.Equal(shape, with(rows)), slices.Equal(shape, with(rows, 1)):
		s.blockRows, s.block = 1, cols
		return s, nil
	}
	for _, b := range blocks {
		down, across := ceil(rows, b[0]), ceil(cols, b[1])
		if slices.Equal(shape, with(down, across)) || slices.Equal(shape, with(down, 1, across, 1)) {
			s.blockRows, s.block = b[0], b[1]
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s has shape %v, which is not one scale, one a row, nor one for each block of %v of %v: %w", scales.Name, shape, blocks, t.Shape, ErrScale)
}

// decode multiplies in float32.
func (s *scaled) decode(ctx context.Context, dst []float32, a, b int) error {
	if err := s.values.ReadFloat32(ctx, dst, a*s.cols); err != nil {
		return err
	}
	across, down := ceil(s.cols, s.block), ceil(s.rows, s.blockRows)
	scales, have := make([]float32, across), -1
	zeros := make([]float32, across)
	for r := a; r < b; r++ {
		if band := r/s.rows*down + r%s.rows/s.blockRows; band != have {
			if err := s.scales.ReadFloat32(ctx, scales, band*across); err != nil {
				return err
			}
			if s.factor != 1 {
				for i := range scales {
					scales[i] *= s.factor
				}
			}
			if s.zeros != nil {
				if err := s.zeros.ReadFloat32(ctx, zeros, band*across); err != nil {
					return err
				}
			}
			have = band
		}
		row := dst[(r-a)*s.cols:][:s.cols]
		for i, scale := range scales {
			zero := zeros[i]
			part := row[i*s.block : min(s.cols, (i+1)*s.block)]
			if zero == 0 { // also keeps the sign of a zero
				for j, v := range part {
					part[j] = v * scale
				}
				continue
			}
			for j, v := range part {
				part[j] = (v - zero) * scale
			}
		}
	}
	return nil
}

// exponents are scales of the OCP microscaling formats that are stored as bytes.
type exponents struct{ Data }

// ReadFloat32 reads powers of two.
func (e exponents) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	raw := make([]byte, len(dst))
	if err := e.ReadRaw(ctx, raw, int64(off)); err != nil {
		return err
	}
	dtype.Decode(dst, raw, dtype.F8E8M0)
	return nil
}

// matrices takes the last two dimensions from a shape of at least two.
func matrices(shape []int) (lead []int, rows, cols int) {
	n := len(shape)
	return shape[:n-2], shape[n-2], shape[n-1]
}

func trimOnes(shape []int) []int {
	n := len(shape)
	for n > 0 && shape[n-1] == 1 {
		n--
	}
	return shape[:n]
}

// ceil divides, rounding up. A block may be far larger than a matrix.
func ceil(n, d int) int { return (n-1)/d + 1 }

// int8Max is what bitsandbytes scales a row's largest weight to (LLM.int8, arXiv 2208.07339).
const int8Max = 127

// newRowwise pairs bitsandbytes' int8 with the largest absolute value of each row.
func newRowwise(t, largest *Tensor) (*scaled, error) {
	s, err := newScaled(t, largest, nil, nil)
	if err == nil {
		s.factor = float32(1) / int8Max
	}
	return s, err
}
