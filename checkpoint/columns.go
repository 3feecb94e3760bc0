package checkpoint

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// columns is a matrix in the layouts of GPTQ and AWQ: codes of a few bits, packed into
// int32 and stored as [inputs, outputs], on its side; a scale and a zero point for each
// group of inputs and each output. A weight is (code − zero point) · scale.
type columns struct {
	codes         strips
	zeros, scales Data
	index         Data // the group of each input; nil: neighbours, size of them
	outputs       int
	inputs        int
	groups, size  int
	bits          int
	awq           bool // packed along outputs, in AWQ's order
	offset        uint32
}

// awqOrder is the place of each of eight neighbours in AWQ's int32.
var awqOrder = [8]uint{0, 4, 1, 5, 2, 6, 3, 7}

// newGPTQ reads qweight [inputs·bits/32, outputs], qzeros [groups, outputs·bits/32] and
// scales [groups, outputs]. Bits follow each other without holes, also across words.
// offset is what is added to a stored zero point: 1 in the first version of the format.
// index may be nil; size is the inputs of a group then, −1 for all.
func newGPTQ(qweight, qzeros, scales, index *Tensor, size int, offset uint32) (*columns, error) {
	if err := packed(qweight, qzeros, scales); err != nil {
		return nil, err
	}
	c := &columns{zeros: qzeros.data, scales: scales.data, outputs: scales.Shape[1], groups: scales.Shape[0], offset: offset}
	words := qzeros.Shape[1]
	if c.outputs > 0 {
		c.bits = words * 32 / c.outputs
	}
	if !slices.Contains([]int{2, 3, 4, 8}, c.bits) || words*32 != c.outputs*c.bits || qweight.Shape[0]*32%c.bits != 0 {
		return nil, fmt.Errorf("%v of %s and %v of %s are no 2, 3, 4 or 8 bits: %w", qweight.Shape, qweight.Name, qzeros.Shape, qzeros.Name, ErrScale)
	}
	c.inputs = qweight.Shape[0] * 32 / c.bits
	if qweight.Shape[1] != c.outputs {
		return nil, fmt.Errorf("%s has shape %v, %s %v: %w", qweight.Name, qweight.Shape, scales.Name, scales.Shape, ErrScale)
	}
	c.codes = strips{
		recent: &recentCodes, data: qweight.data, rows: qweight.Shape[0], cols: 4 * c.outputs, weights: stripRows(c.outputs, c.inputs*c.bits),
		span: func(a, b int) (int, int) { return 4 * a, 4 * b },
	}
	return c, c.group(index, size, qzeros)
}

// newAWQ reads qweight [inputs, outputs/8], qzeros [groups, outputs/8] and scales
// [groups, outputs] of 4 bits.
func newAWQ(qweight, qzeros, scales *Tensor, size int) (*columns, error) {
	if err := packed(qweight, qzeros, scales); err != nil {
		return nil, err
	}
	c := &columns{zeros: qzeros.data, scales: scales.data, inputs: qweight.Shape[0], outputs: scales.Shape[1], groups: scales.Shape[0], bits: 4, awq: true}
	if qweight.Shape[1]*8 != c.outputs || qzeros.Shape[1]*8 != c.outputs {
		return nil, fmt.Errorf("%s has shape %v, %s %v, %s %v: %w", qweight.Name, qweight.Shape, qzeros.Name, qzeros.Shape, scales.Name, scales.Shape, ErrScale)
	}
	c.codes = strips{
		recent: &recentCodes, data: qweight.data, rows: c.inputs, cols: c.outputs / 2, weights: stripRows(c.outputs, c.inputs*c.bits),
		span: func(a, b int) (int, int) { return a / 2, b / 2 },
	}
	return c, c.group(nil, size, qzeros)
}

// packed checks what all have: int32 codes and float scales of two dimensions.
func packed(qweight, qzeros, scales *Tensor) error {
	for _, t := range []*Tensor{qweight, qzeros, scales} {
		if t == nil || len(t.Shape) != 2 || (t == scales) != t.IsFloat() || t != scales && t.Type != dtype.I32 {
			return fmt.Errorf("%s: qweight and qzeros must be int32 matrices, scales one of floats: %w", qweight.Name, ErrScale)
		}
	}
	return nil
}

// group decides which group an input belongs to.
func (c *columns) group(index *Tensor, size int, qzeros *Tensor) error {
	if c.groups < 1 || c.groups > c.inputs || qzeros.Shape[0] != c.groups {
		return fmt.Errorf("%s has shape %v for %d groups of %d inputs: %w", qzeros.Name, qzeros.Shape, c.groups, c.inputs, ErrScale)
	}
	if index != nil {
		if index.Type != dtype.I32 && index.Type != dtype.I64 || !slices.Equal(index.Shape, []int{c.inputs}) {
			return fmt.Errorf("%s is %v of %s, not one group for each of %d inputs: %w", index.Name, index.Shape, index.DType, c.inputs, ErrScale)
		}
		c.index = index.data
		return nil
	}
	if c.size = size; size < 1 {
		c.size = c.inputs
	}
	if ceil(c.inputs, c.size) != c.groups {
		return fmt.Errorf("%s has %d groups for %d inputs, %d each: %w", qzeros.Name, c.groups, c.inputs, c.size, ErrScale)
	}
	return nil
}

// decode unpacks rows of the weight, which are columns of what is stored.
func (c *columns) decode(ctx context.Context, dst []float32, a, b int) error {
	groups, err := groupsOf(ctx, c.index, c.inputs, c.size, c.groups)
	if err != nil {
		return err
	}
	n := b - a
	scales, zeros := make([]float32, c.groups*n), make([]float32, c.groups*n)
	if err := c.parameters(ctx, scales, zeros, a, b); err != nil {
		return err
	}
	mask := uint32(1)<<c.bits - 1
	for r := a; r < b; r++ {
		s, err := c.codes.read(ctx, r, c.outputs)
		if err != nil {
			return err
		}
		row, i := dst[(r-a)*c.inputs:][:c.inputs], r-a
		width, column := len(s.data)/c.codes.rows, r-s.first
		if c.awq {
			at, shift := column/8*4, 4*awqOrder[column%8]
			for k := range row {
				code := binary.LittleEndian.Uint32(s.data[k*width+at:]) >> shift & mask
				g := groups[k]*n + i
				row[k] = (float32(code) - zeros[g]) * scales[g]
			}
		} else {
			at := 4 * column
			for k := range row {
				bit := k * c.bits
				word, shift := bit/32, bit%32
				code := uint64(binary.LittleEndian.Uint32(s.data[word*width+at:]))
				if shift+c.bits > 32 {
					code |= uint64(binary.LittleEndian.Uint32(s.data[(word+1)*width+at:])) << 32
				}
				g := groups[k]*n + i
				row[k] = (float32(uint32(code>>shift)&mask) - zeros[g]) * scales[g]
			}
		}
		c.codes.recent.Put(s)
	}
	return nil
}

// parameters reads the scales and zero points of outputs [a, b), a group after the other.
func (c *columns) parameters(ctx context.Context, scales, zeros []float32, a, b int) error {
	n, mask := b-a, uint32(1)<<c.bits-1
	words := c.outputs * c.bits / 32 // of a group's zero points
	first, last := a*c.bits/32, min(words, ceil(b*c.bits, 32)+1)
	if c.awq {
		first, last = a/8, ceil(b, 8)
	}
	raw := make([]byte, 4*(last-first)+4) // and a word that is never used
	for g := range c.groups {
		if err := c.scales.ReadFloat32(ctx, scales[g*n:][:n], g*c.outputs+a); err != nil {
			return err
		}
		if err := c.zeros.ReadRaw(ctx, raw[:4*(last-first)], 4*int64(g*words+first)); err != nil {
			return err
		}
		for i := range n {
			var code uint32
			if o := a + i; c.awq {
				code = binary.LittleEndian.Uint32(raw[4*(o/8-first):]) >> (4 * awqOrder[o%8])
			} else {
				bit := o*c.bits - 32*first
				code = uint32(binary.LittleEndian.Uint64(raw[bit/32*4:]) >> (bit % 32))
			}
			if code &= mask; code == mask && c.offset != 0 {
				// Whoever wrote it meant −1 + 1, and spoilt its neighbours on the way.
				return fmt.Errorf("GPTQ zero point %d, which some programs read as 0 and others as %d: %w", code, code+1, ErrQuantization)
			}
			zeros[g*n+i] = float32(code + c.offset)
		}
	}
	return nil
}

// groupsOf returns the group of each input: those that index says, or neighbours.
func groupsOf(ctx context.Context, index Data, inputs, size, count int) ([]int, error) {
	groups := make([]int, inputs)
	if index == nil {
		for k := range groups {
			groups[k] = k / size
		}
		return groups, nil
	}
	numbers := make([]float32, inputs) // exact below 2^24 groups
	if err := index.ReadFloat32(ctx, numbers, 0); err != nil {
		return nil, err
	}
	for k, v := range numbers {
		if groups[k] = int(v); v < 0 || groups[k] >= count {
			return nil, fmt.Errorf("input %d is of group %v of %d: %w", k, v, count, ErrScale)
		}
	}
	return groups, nil
}
