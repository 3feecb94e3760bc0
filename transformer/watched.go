package transformer

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/stream"
)

// watch has every matrix tell of its products, and the first of those that share an input of
// that; experts tell of all together.
func (y *Layer) watch() {
	inputs := y.layers.inputs[y.index]
	b := &y.layers.model.blocks[y.index]
	told := make([]bool, len(inputs))
	for use, l := range b.linears {
		w := &watched{Matrix: l.W, layer: y, name: l.Name}
		name := y.layers.inputName(y.index, use)
		if i := slices.IndexFunc(inputs, func(in Input) bool { return in.Name == name }); i >= 0 && !told[i] {
			w.input, told[i] = &inputs[i], true
		}
		if in := w.input; in != nil && use == arch.ExpertDown {
			b.Experts.see = func(x []float32) error { return y.show(in, x) }
			w.input = nil
		} else if in != nil && use == arch.ExpertGate {
			b.Experts.Beside.see = func(x []float32) error { return y.show(in, x) }
			w.input = nil
		}
		l.W = w
	}
}

// show shows an input to who looks, if anybody does.
func (y *Layer) show(in *Input, x []float32) error {
	if in == nil || y.see == nil {
		return nil
	}
	return y.see(in, x)
}

// watched is a matrix whose products are finite, or an error.
type watched struct {
	stream.Matrix
	layer *Layer
	name  string
	input *Input // nil where another matrix tells of it
}

func (w *watched) RowsDot(ctx context.Context, y, x []float32, a, b int) (stream.Stats, error) {
	if err := w.layer.show(w.input, x); err != nil {
		return stream.Stats{}, err
	}
	s, err := w.Matrix.RowsDot(ctx, y, x, a, b)
	if err == nil && !finite(y) {
		err = fmt.Errorf("products with %s: %w", w.name, ErrOverflow)
	}
	return s, err
}

func finite(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v)>>23&0xff == 0xff {
			return false
		}
	}
	return true
}
