package checkpoint

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/dtype"
)

// straighten makes of experts that are stored on their side, [experts, inputs, outputs], with gates and up
// projections by turns (gpt-oss) or one after the other (Llama 4), what other checkpoints have: [experts, outputs, inputs],
// and gates and up projections apart. Their elements stay what they are.
func (c *Checkpoint) straighten() {
	byName := map[string]*Tensor{}
	for _, t := range c.tensors {
		byName[t.Name] = t
	}
	gone := map[*Tensor]bool{}
	for _, t := range slices.Clone(c.tensors) {
		module, ok := strings.CutSuffix(t.Name, arch.GateUpBias)
		if !ok || len(t.Shape) != 2 || !isStored(t) || t.Shape[1]%2 != 0 || t.Len() == 0 {
			continue
		}
		add := func(from *Tensor, made ...*Tensor) {
			gone[from] = true
			c.tensors = append(c.tensors, made...)
		}
		add(t, everyOther(t, module+"gate_proj.bias", 0), everyOther(t, module+"up_proj.bias", 1))
		if bias := byName[module+"down_proj_bias"]; bias != nil {
			renamed := *bias
			renamed.Name = module + "down_proj.bias"
			add(bias, &renamed)
		}
		if both := byName[module+"gate_up_proj"]; both != nil && isSideways(both) && both.Shape[2]%2 == 0 {
			n := both.Shape[2] / 2
			add(both, upright(both, module+"gate_proj.weight", every{0, 2, n}), upright(both, module+"up_proj.weight", every{1, 2, n}))
		}
		if down := byName[module+"down_proj"]; down != nil && isSideways(down) {
			add(down, upright(down, module+"down_proj.weight", every{0, 1, down.Shape[2]}))
		}
	}
	for _, both := range slices.Clone(c.tensors) {
		module, ok := strings.CutSuffix(both.Name, ".experts.gate_up_proj")
		down := byName[module+".experts.down_proj"]
		if !ok || gone[both] || down == nil || !isSideways(both) || !isSideways(down) || !lieTogether(both.Shape, down.Shape) {
			continue
		}
		n := both.Shape[2] / 2
		gone[both], gone[down] = true, true
		c.tensors = append(c.tensors, upright(both, module+".experts.gate_proj.weight", every{0, 1, n}),
			upright(both, module+".experts.up_proj.weight", every{n, 1, n}), upright(down, module+".experts.down_proj.weight", every{0, 1, down.Shape[2]}))
	}
	c.tensors = slices.DeleteFunc(c.tensors, func(t *Tensor) bool { return gone[t] })
	slices.SortFunc(c.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
}

// lieTogether tells whether gates and up projections, and down projections, of such shapes are on their side: upright ones
// cannot have them.
func lieTogether(both, down []int) bool {
	return both[0] == down[0] && both[1] == down[2] && both[2] == 2*down[1]
}

// isSideways tells whether a tensor may be matrices on their side.
func isSideways(t *Tensor) bool { return len(t.Shape) == 3 && isStored(t) && t.Len() > 0 }

// isStored tells whether a tensor's elements are weights as they are stored.
func isStored(t *Tensor) bool { return t.IsFloat() && t.Type != "" }

// every is some outputs: n of them, every step-th from the first on.
type every struct{ first, step, n int }

// upright returns the matrices of t, [experts, inputs, outputs], as [experts, outputs, inputs], of some outputs.
func upright(t *Tensor, name string, of every) *Tensor {
	experts, inputs, outputs, size := t.Shape[0], t.Shape[1], t.Shape[2], t.Type.Size()
	list := make([]strips, experts)
	for x := range list {
		list[x] = strips{
			recent: &recentCodes, data: t.data, offset: int64(x) * int64(inputs) * int64(outputs) * int64(size), rows: inputs, cols: outputs * size,
			weights: stripRows(outputs, 8*inputs*size), span: func(a, b int) (int, int) { return a * size, b * size },
		}
	}
	n := of.n
	return arranged(t, name, []int{experts, n, inputs}, inputs*size, func(ctx context.Context, dst []byte, row int) error {
		s, output := &list[row/n], row%n*of.step+of.first
		p, err := s.read(ctx, output, outputs)
		if err != nil {
			return err
		}
		width, at := len(p.data)/inputs, (output-p.first)*size
		for i := range inputs {
			copy(dst[i*size:][:size], p.data[i*width+at:])
		}
		s.recent.Put(p)
		return nil
	})
}

// everyOther returns every other element of t's rows, from the first on.
func everyOther(t *Tensor, name string, first int) *Tensor {
	n, size := t.Shape[1]/2, t.Type.Size()
	return arranged(t, name, []int{t.Shape[0], n}, n*size, func(ctx context.Context, dst []byte, row int) error {
		both := make([]byte, 2*n*size)
		if err := t.ReadRaw(ctx, both, int64(row)*int64(len(both))); err != nil {
			return err
		}
		for i := range n {
			copy(dst[i*size:][:size], both[(2*i+first)*size:])
		}
		return nil
	})
}

// everyRow returns every step-th row of matrices [experts, rows, columns] of bytes, from the first on.
func everyRow(t *Tensor, name string, first, step int) *Tensor {
	experts, rows, cols := t.Shape[0], t.Shape[1]/step, t.Shape[2]
	return arranged(t, name, []int{experts, rows, cols}, cols, func(ctx context.Context, dst []byte, row int) error {
		return t.ReadRaw(ctx, dst, int64(row*step+first)*int64(cols))
	})
}

// arranged returns a tensor of the elements of t whose rows, of width bytes, read fills.
func arranged(t *Tensor, name string, shape []int, width int, read func(ctx context.Context, dst []byte, row int) error) *Tensor {
	a := arrangement{of: t.Type, width: int64(width), read: read}
	for _, d := range shape[:len(shape)-1] {
		width *= d
	}
	a.size = int64(width)
	return &Tensor{Name: name, DType: t.DType, Type: t.Type, Shape: shape, Size: a.size, File: t.File, data: a}
}

// arrangement is data whose rows are put together of stored elements.
type arrangement struct {
	of          dtype.Type
	width, size int64 // bytes of a row, and of all
	read        func(ctx context.Context, dst []byte, row int) error
}

func (a arrangement) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	if off < 0 || off > a.size || int64(len(dst)) > a.size-off {
		return fmt.Errorf("bytes [%d, %d) of %d: %w", off, off+int64(len(dst)), a.size, fs.ErrInvalid)
	}
	var part []byte
	for len(dst) > 0 {
		row, at := off/a.width, off%a.width
		if at == 0 && int64(len(dst)) >= a.width {
			if err := a.read(ctx, dst[:a.width], int(row)); err != nil {
				return err
			}
			dst, off = dst[a.width:], off+a.width
			continue
		}
		if part == nil {
			part = make([]byte, a.width)
		}
		if err := a.read(ctx, part, int(row)); err != nil {
			return err
		}
		n := copy(dst, part[at:])
		dst, off = dst[n:], off+int64(n)
	}
	return nil
}

func (a arrangement) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	size := a.of.Size()
	raw := make([]byte, min(len(dst), bandWeights)*size)
	for len(dst) > 0 {
		n := min(len(dst), bandWeights)
		if err := a.ReadRaw(ctx, raw[:n*size], int64(off)*int64(size)); err != nil {
			return err
		}
		dtype.Decode(dst[:n], raw[:n*size], a.of)
		dst, off = dst[n:], off+n
	}
	return nil
}
