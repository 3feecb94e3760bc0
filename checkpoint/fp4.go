package checkpoint

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// fp4Values are the sixteen values of E2M1, the 4-bit float of the OCP microscaling formats
// and of NVFP4.
var fp4Values = [16]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6, negativeZero, -0.5, -1, -1.5, -2, -3, -4, -6}

var negativeZero = float32(math.Copysign(0, -1))

// fp4Rows is a matrix of pairs of E2M1, the lower half of a byte first, with a scale for
// each group of columns and perhaps one more for all.
type fp4Rows struct {
	codes, scales Data
	whole         Data // the scale of all; nil if there is none
	divide        bool // whole divides the groups' scales
	rows, cols    int
	group         int
}

const (
	mxfp4Group = 32 // OCP Microscaling Formats (MX) Specification 1.0
	nvfp4Group = 16
)

// newFP4Rows reads codes [..., rows, cols/2] and scales [..., rows, cols/group], the exponents
// of MXFP4 (bytes), or NVFP4's with the one for all.
func newFP4Rows(codes, scales, whole *Tensor, divide bool) (w *fp4Rows, shape []int, err error) {
	w = &fp4Rows{codes: codes.data, scales: scales.data, divide: divide, group: mxfp4Group}
	if whole != nil {
		w.group, w.whole = nvfp4Group, whole.data
		if whole.Len() != 1 || !whole.IsFloat() || scales.Type != dtype.F8E4M3 {
			return nil, nil, fmt.Errorf("%s is %v of %s, %s is of %s: not NVFP4: %w", whole.Name, whole.Shape, whole.DType, scales.Name, scales.DType, ErrScale)
		}
	} else if scales.Type == dtype.U8 {
		w.scales = exponents{scales.data}
	} else if scales.Type != dtype.F8E8M0 {
		return nil, nil, fmt.Errorf("%s is of %s, not exponents: %w", scales.Name, scales.DType, ErrScale)
	}
	if n := len(codes.Shape); n < 2 || codes.Type != dtype.U8 || len(scales.Shape) != n || codes.Len() == 0 {
		return nil, nil, fmt.Errorf("%s is %v of %s with scales of %v: %w", codes.Name, codes.Shape, codes.DType, scales.Shape, ErrScale)
	}
	lead, rows, half := matrices(codes.Shape)
	w.rows, w.cols = rows, 2*half
	shape = append(slices.Clone(lead), rows, w.cols)
	if want := append(slices.Clone(lead), rows, w.cols/w.group); w.cols%w.group != 0 || !slices.Equal(scales.Shape, want) {
		return nil, nil, fmt.Errorf("%s is %v with scales of %v, not one for %d of %d columns: %w", codes.Name, codes.Shape, scales.Shape, w.group, w.cols, ErrScale)
	}
	return w, shape, nil
}

func (w *fp4Rows) decode(ctx context.Context, dst []float32, a, b int) error {
	groups := w.cols / w.group
	scales := make([]float32, (b-a)*groups)
	if err := w.scales.ReadFloat32(ctx, scales, a*groups); err != nil {
		return err
	}
	if w.whole != nil {
		var whole [1]float32
		if err := w.whole.ReadFloat32(ctx, whole[:], 0); err != nil {
			return err
		}
		for i := range scales {
			if w.divide {
				scales[i] /= whole[0]
			} else {
				scales[i] *= whole[0]
			}
		}
	}
	codes := make([]byte, len(dst)/2)
	if err := w.codes.ReadRaw(ctx, codes, int64(a)*int64(w.cols/2)); err != nil {
		return err
	}
	for i, c := range codes {
		scale := scales[2*i/w.group]
		dst[2*i], dst[2*i+1] = fp4Values[c&15]*scale, fp4Values[c>>4]*scale
	}
	return nil
}

// newFP4Experts reads gpt-oss's MXFP4, blocks [experts, rows, groups, 16] and scales [experts, rows, groups]:
// every step-th row of an expert, from the first on. parts are what those rows are made of.
func newFP4Experts(blocks, scales *Tensor, first, step int) (w *fp4Rows, shape []int, parts []*Tensor, err error) {
	if blocks.Type != dtype.U8 || scales.Type != dtype.U8 || len(blocks.Shape) != 4 || blocks.Shape[3] != mxfp4Group/2 ||
		!slices.Equal(blocks.Shape[:3], scales.Shape) || blocks.Len() == 0 || blocks.Shape[1]%step != 0 {
		return nil, nil, nil, fmt.Errorf("%s is %v of %s with scales of %v: not [experts, rows, groups, 16]: %w", blocks.Name, blocks.Shape, blocks.DType, scales.Shape, ErrScale)
	}
	codes := *blocks
	codes.Shape = []int{blocks.Shape[0], blocks.Shape[1], blocks.Shape[2] * blocks.Shape[3]}
	parts = []*Tensor{everyRow(&codes, blocks.Name, first, step), everyRow(scales, scales.Name, first, step)}
	w, shape, err = newFP4Rows(parts[0], parts[1], nil, false)
	return w, shape, parts, err
}
