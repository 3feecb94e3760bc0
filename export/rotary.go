package export

import (
	"context"
	"strings"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
)

// newVector is a tensor that no checkpoint has.
func newVector(name string, values []float32) *tensor {
	t := &checkpoint.Tensor{Name: name, DType: string(dtype.F32), Type: dtype.F32, Shape: []int{len(values)}, Size: 4 * int64(len(values))}
	return &tensor{Tensor: checkpoint.NewTensor(t, vector(values)), name: name, shape: t.Shape, to: dtype.F32}
}

// vector is the data of one.
type vector []float32

func (v vector) ReadFloat32(_ context.Context, dst []float32, off int) error {
	copy(dst, v[off:])
	return nil
}

func (v vector) ReadRaw(_ context.Context, dst []byte, off int64) error {
	copy(dst, dtype.AppendF32(nil, v)[off:])
	return nil
}

// isRotaryTable tells rotary_emb.inv_freq, which old checkpoints store.
func isRotaryTable(name string) bool { return strings.HasSuffix(name, "rotary_emb.inv_freq") }

// neighbours returns which row of halves comes at a row of pairs: within a head of n
// rows, rows i and i + n/2 become 2i and 2i + 1.
func neighbours(n int) func(row int) int {
	return func(row int) int {
		head, i := row/n, row%n
		return head*n + i%2*(n/2) + i/2
	}
}
