package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// FFN is the gated feed-forward layer: down(act(gate(x)) · up(x)) (Shazeer 2020).
type FFN struct {
	Gate, Up, Down Linear
	Activation     Activation
}

// Forward writes the layer's output for a batch of vectors of length Hidden to y.
// gate and up are scratch, each as many vectors of length FFN. workers share the
// activation function.
func (f *FFN) Forward(ctx context.Context, y, x, gate, up []float32, workers int) error {
	if err := f.Gate.apply(ctx, gate, x); err != nil {
		return err
	}
	if err := f.Up.apply(ctx, up, x); err != nil {
		return err
	}
	parallel(workers, len(gate), 1<<12, func(_, a, b int) {
		f.Activation.gate(gate[a:b], up[a:b])
	})
	return f.Down.apply(ctx, y, gate)
}

// gate replaces g by act(g)·u.
func (a Activation) gate(g, u []float32) {
	u = u[:len(g)]
	if a == GELUTanh {
		for i, v := range g {
			g[i] = detmath.GELUTanh(v) * u[i]
		}
		return
	}
	for i, v := range g {
		g[i] = detmath.SiLU(v) * u[i]
	}
}
