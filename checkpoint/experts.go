package checkpoint

import (
	"context"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
)

// stack makes one tensor of those that hold an expert each, [experts, rows, columns], as other
// checkpoints have them: a layer's experts are hundreds of small matrices of one use. What is not
// of one shape and type for experts 0, 1, … stays as it is.
func (c *Checkpoint) stack() {
	found := map[string][]*Tensor{} // by the stack's name
	numbers := map[*Tensor]int{}
	for _, t := range c.tensors {
		if name, i, ok := arch.ExpertOf(t.Name); ok && len(t.Shape) == 2 {
			found[name] = append(found[name], t)
			numbers[t] = i
		}
	}
	for _, t := range c.tensors {
		delete(found, t.Name) // a tensor that has the name
	}
	gone := map[*Tensor]bool{}
	for name, parts := range found {
		slices.SortFunc(parts, func(a, b *Tensor) int { return numbers[a] - numbers[b] })
		if numbers[parts[len(parts)-1]] != len(parts)-1 || !alike(parts) {
			continue
		}
		s := stacked{parts: parts, rows: parts[0].Shape[0], cols: parts[0].Shape[1]}
		w := &weight{kind: parts[0].DType, shape: []int{len(parts), s.rows, s.cols}, parts: parts, rows: s}
		t := w.tensor(name)
		t.Type = parts[0].Type
		c.tensors = append(c.tensors, t)
		for _, p := range parts {
			gone[p] = true
		}
	}
	c.tensors = slices.DeleteFunc(c.tensors, func(t *Tensor) bool { return gone[t] })
	slices.SortFunc(c.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
}

// alike tells whether all tensors are of one shape and type.
func alike(list []*Tensor) bool {
	return !slices.ContainsFunc(list, func(t *Tensor) bool {
		return t.DType != list[0].DType || t.Type != list[0].Type || t.Len() == 0 || !slices.Equal(t.Shape, list[0].Shape)
	})
}

// stacked are matrices of one shape, one below the other.
type stacked struct {
	parts      []*Tensor
	rows, cols int // of each
}

func (s stacked) decode(ctx context.Context, dst []float32, a, b int) error {
	for a < b {
		i, first := a/s.rows, a%s.rows
		n := min(b-a, s.rows-first)
		if err := s.parts[i].ReadFloat32(ctx, dst[:n*s.cols], first*s.cols); err != nil {
			return err
		}
		dst, a = dst[n*s.cols:], a+n
	}
	return nil
}

// Experts returns a tensor of experts that checkpoints have one by one ([arch.OneExpert]) as they
// have them; any other tensor alone.
func (t *Tensor) Experts() []*Tensor {
	if len(t.Shape) != 3 {
		return []*Tensor{t}
	}
	var list []*Tensor
	n := t.Shape[1] * t.Shape[2]
	for i := range t.Shape[0] {
		name, ok := arch.OneExpert(t.Name, i)
		if !ok {
			return []*Tensor{t}
		}
		one := *t
		one.Name, one.Shape, one.Size = name, t.Shape[1:], t.Size/int64(t.Shape[0])
		one.data = window{t.data, i * n, int64(i) * one.Size}
		list = append(list, &one)
	}
	return list
}

// window is a tensor's data from an element on, and from the byte where that is stored.
type window struct {
	Data
	element int
	byte    int64
}

func (w window) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	return w.Data.ReadFloat32(ctx, dst, w.element+off)
}

func (w window) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	return w.Data.ReadRaw(ctx, dst, w.byte+off)
}
