package export

import (
	"context"
	"strings"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
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

// changeOf returns what becomes of weights of a row of a tensor, nil if they stay what they are.
func changeOf(l *arch.Layout) func(x []float32, row int) {
	switch {
	case l.Decays:
		return func(x []float32, _ int) {
			for i, v := range x {
				x[i] = -float32(detmath.Exp64(float64(v)))
			}
		}
	case l.Add != 0:
		return func(x []float32, _ int) {
			for i := range x {
				x[i] += l.Add
			}
		}
	case len(l.Times) > 0:
		return func(x []float32, row int) {
			for _, f := range l.Times {
				if row -= f.Rows; row < 0 {
					for i := range x {
						x[i] *= f.By
					}
					return
				}
			}
		}
	}
	return nil
}
