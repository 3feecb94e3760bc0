package checkpoint

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/helix-substrate/helix-substrate/arch"
)

// joinHeads makes of keys' and values' matrices, which GGUF files of models with compressed keys and values have apart, and keys'
// on their side, [heads, compressed, keys], the one matrix that other checkpoints have: each head's keys, and then its values.
func (c *Checkpoint) joinHeads() {
	byName := map[string]*Tensor{}
	for _, t := range c.tensors {
		byName[t.Name] = t
	}
	gone := map[*Tensor]bool{}
	last := &turnedHead{}
	for _, keys := range slices.Clone(c.tensors) {
		module, ok := strings.CutSuffix(keys.Name, arch.KeysPart)
		values := byName[module+arch.ValuesPart]
		if !ok || values == nil || byName[module+arch.KeysAndValues] != nil || !pairUp(keys, values) {
			continue
		}
		c.tensors = append(c.tensors, joined(module+arch.KeysAndValues, keys, values, last))
		gone[keys], gone[values] = true, true
	}
	c.tensors = slices.DeleteFunc(c.tensors, func(t *Tensor) bool { return gone[t] })
	slices.SortFunc(c.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
}

// largestHead bounds a head's matrix, which is held to turn it; those of DeepSeek are 2¹⁶.
const largestHead = 1 << 20

// pairUp tells whether two tensors may be keys' and values' matrices of the same heads.
func pairUp(keys, values *Tensor) bool {
	return len(keys.Shape) == 3 && len(values.Shape) == 3 && keys.Shape[0] == values.Shape[0] && keys.Shape[1] == values.Shape[2] &&
		keys.Len() > 0 && values.Len() > 0 && keys.Shape[1]*keys.Shape[2] <= largestHead
}

// joined is the matrix of both. Of types of single numbers its elements stay what they are.
func joined(name string, keys, values *Tensor, last *turnedHead) *Tensor {
	n, m, width := keys.Shape[2], values.Shape[1], keys.Shape[1]
	shape := []int{keys.Shape[0] * (n + m), width}
	if isStored(keys) && keys.Type == values.Type {
		up, bytes := upright(keys, name, every{0, 1, n}), width*keys.Type.Size()
		return arranged(keys, name, shape, bytes, func(ctx context.Context, dst []byte, row int) error {
			head, i := row/(n+m), row%(n+m)
			if i < n {
				return up.ReadRaw(ctx, dst, int64(head*n+i)*int64(bytes))
			}
			return values.ReadRaw(ctx, dst, int64(head*m+i-n)*int64(bytes))
		})
	}
	w := &weight{kind: keys.DType, shape: shape, parts: []*Tensor{keys, values}, rows: heads{keys: keys, values: values, last: last}}
	return w.tensor(name)
}

// heads are the rows of both, head by head.
type heads struct {
	keys, values *Tensor
	last         *turnedHead
}

// turnedHead is the keys' matrix that was read last, [keys, compressed]: rows come one after the other. All layers share it.
type turnedHead struct {
	mu   sync.Mutex
	of   *Tensor
	head int
	raw  []float32
	rows []float32
}

func (h heads) decode(ctx context.Context, dst []float32, a, b int) error {
	width, keys, values := h.keys.Shape[1], h.keys.Shape[2], h.values.Shape[1]
	for a < b {
		head, row := a/(keys+values), a%(keys+values)
		end := keys
		if row >= keys {
			end = keys + values
		}
		n := min(b-a, end-row)
		var err error
		if row < keys {
			err = h.last.read(ctx, dst[:n*width], h.keys, head, row)
		} else {
			err = h.values.ReadFloat32(ctx, dst[:n*width], (head*values+row-keys)*width)
		}
		if err != nil {
			return err
		}
		dst, a = dst[n*width:], a+n
	}
	return nil
}

// read fills dst with a head's rows from one on.
func (t *turnedHead) read(ctx context.Context, dst []float32, of *Tensor, head, row int) error {
	width, keys := of.Shape[1], of.Shape[2]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of != of || t.head != head {
		t.of = nil // until it is read
		t.raw, t.rows = slices.Grow(t.raw[:0], width*keys)[:width*keys], slices.Grow(t.rows[:0], width*keys)[:width*keys]
		if err := of.ReadFloat32(ctx, t.raw, head*width*keys); err != nil {
			return err
		}
		for i := range width {
			for k := range keys {
				t.rows[k*width+i] = t.raw[i*keys+k]
			}
		}
		t.of, t.head = of, head
	}
	copy(dst, t.rows[row*width:])
	return nil
}
