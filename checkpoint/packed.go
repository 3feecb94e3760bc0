package checkpoint

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// packedRows is a matrix in the layout "pack-quantized" of compressed-tensors: codes of a
// few bits, packed along each row into int32 without holes; a scale for each row and group of
// columns, and perhaps a zero point, packed along the rows. Codes and zero points have half
// their range added.
type packedRows struct {
	codes, zeros, scales Data // zeros may be nil
	index                Data // the group of each column; nil: neighbours, size of them
	rows, cols           int
	words                int // of a row of codes
	bits                 int
	groups, size         int
	single               bool // one scale for all
}

// newPackedRows reads codes [rows, ⌈cols·bits/32⌉] and scales [rows, groups] for a matrix of
// shape. zeros [⌈rows·bits/32⌉, groups] and index [cols] may be nil. bits and sizes (of groups)
// are what may be: exactly one fits.
func newPackedRows(shape []int, codes, scales, zeros, index *Tensor, bits, sizes []int) (*packedRows, error) {
	fail := func(t *Tensor) error {
		return fmt.Errorf("%s is %v of %s, for a matrix of %v: %w", t.Name, t.Shape, t.DType, shape, ErrScale)
	}
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 || len(codes.Shape) != 2 || codes.Shape[0] != shape[0] {
		return nil, fail(codes)
	}
	p := &packedRows{codes: codes.data, scales: scales.data, rows: shape[0], cols: shape[1], words: codes.Shape[1]}
	for _, b := range bits {
		if b < 1 || b > 8 || p.cols > 1<<40 || ceil(p.cols*b, 32) != p.words {
			continue
		}
		if 32%b != 0 && ceil(p.cols, 32/b) == p.words { // as older versions packed it, with holes
			return nil, fmt.Errorf("%s: %d bits, which were packed in two ways: %w", codes.Name, b, ErrScale)
		}
		if p.bits != 0 && p.bits != b {
			return nil, fail(codes)
		}
		p.bits = b
	}
	if p.bits == 0 {
		return nil, fail(codes)
	}
	switch n := len(scales.Shape); {
	case !scales.IsFloat():
		return nil, fail(scales)
	case scales.Len() == 1:
		p.single, p.groups = true, 1
	case n == 1 && scales.Shape[0] == p.rows:
		p.groups = 1
	case n == 2 && scales.Shape[0] == p.rows && scales.Shape[1] > 0:
		p.groups = scales.Shape[1]
	default:
		return nil, fail(scales)
	}
	if p.size = p.cols; p.groups > 1 {
		p.size = 0
		for _, s := range sizes {
			if s > 0 && ceil(p.cols, s) == p.groups && (p.size == 0 || s == p.size) {
				p.size = s
			}
		}
		if p.size == 0 {
			return nil, fail(scales)
		}
	}
	if zeros != nil {
		if zeros.Type != dtype.I32 || !slices.Equal(zeros.Shape, []int{ceil(p.rows*p.bits, 32), p.groups}) || p.single {
			return nil, fail(zeros)
		}
		p.zeros = zeros.data
	}
	if index != nil {
		if index.Type != dtype.I32 && index.Type != dtype.I64 || !slices.Equal(index.Shape, []int{p.cols}) {
			return nil, fail(index)
		}
		p.index = index.data
	}
	return p, nil
}

func (p *packedRows) decode(ctx context.Context, dst []float32, a, b int) error {
	groups, err := groupsOf(ctx, p.index, p.cols, p.size, p.groups)
	if err != nil {
		return err
	}
	n := b - a
	scales, zeros := make([]float32, n*p.groups), make([]float32, n*p.groups)
	if p.single {
		if err := p.scales.ReadFloat32(ctx, scales[:1], 0); err != nil {
			return err
		}
		for i := range scales {
			scales[i] = scales[0]
		}
	} else if err := p.scales.ReadFloat32(ctx, scales, a*p.groups); err != nil {
		return err
	}
	half := float32(int(1) << (p.bits - 1))
	mask := uint64(1)<<p.bits - 1
	for i := range zeros {
		zeros[i] = half
	}
	if p.zeros != nil {
		if err := p.readZeros(ctx, zeros, a, b); err != nil {
			return err
		}
	}
	raw := make([]byte, 4*n*p.words+8) // and a word that is never used
	if err := p.codes.ReadRaw(ctx, raw[:4*n*p.words], 4*int64(a)*int64(p.words)); err != nil {
		return err
	}
	for i := range n {
		codes, row := raw[4*i*p.words:], dst[i*p.cols:][:p.cols]
		for k := range row {
			bit := k * p.bits
			code := binary.LittleEndian.Uint64(codes[bit/32*4:]) >> (bit % 32) & mask
			g := i*p.groups + groups[k]
			row[k] = (float32(code) - zeros[g]) * scales[g]
		}
	}
	return nil
}

// readZeros reads the zero points of rows [a, b) as codes: what they have added cancels.
func (p *packedRows) readZeros(ctx context.Context, zeros []float32, a, b int) error {
	words := ceil(p.rows*p.bits, 32)
	first, last := a*p.bits/32, min(words, ceil(b*p.bits, 32))
	raw := make([]byte, 4*(last-first+1)*p.groups) // and a row of words that is never used
	if err := p.zeros.ReadRaw(ctx, raw[:4*(last-first)*p.groups], 4*int64(first)*int64(p.groups)); err != nil {
		return err
	}
	mask := uint64(1)<<p.bits - 1
	for r := a; r < b; r++ {
		bit := r*p.bits - 32*first
		for g := range p.groups {
			low := uint64(binary.LittleEndian.Uint32(raw[4*(bit/32*p.groups+g):]))
			high := uint64(binary.LittleEndian.Uint32(raw[4*((bit/32+1)*p.groups+g):]))
			zeros[(r-a)*p.groups+g] = float32((high<<32 | low) >> (bit % 32) & mask)
		}
	}
	return nil
}
