package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/arch"
)

// ffn is the gated feed-forward layer: down(act(gate(x)) · up(x)) (Shazeer 2020); or, without a gate, down(act(up(x))).
type ffn struct {
	Gate, Up, Down linear
}

// feedForward writes the output of a block's feed-forward layer for vectors x to y.
func (p *pass) feedForward(ctx context.Context, b *block, y, x []float32) error {
	if b.Experts.Router.W != nil {
		return p.mix(ctx, b, y, x)
	}
	return p.ffn(ctx, &b.FFN, y, x)
}

// ffn writes one network's output for vectors x to y. Its activations stay in gate.
func (p *pass) ffn(ctx context.Context, f *ffn, y, x []float32) error {
	n := len(x) / p.model.Config.Hidden * f.Up.Rows
	gate, up := p.gate[:n], p.up[:n]
	m := p.model
	if m.Config.PlainFFN { // act(up(x)) · 1
		for i := range up {
			up[i] = 1
		}
		if err := m.engine.DotAll(ctx, x, f.Up.to(gate)); err != nil {
			return err
		}
	} else if err := m.engine.DotAll(ctx, x, f.Gate.to(gate), f.Up.to(up)); err != nil {
		return err
	}
	parts, size := m.cut(n)
	p.activating = activating{m, gate, up, size}
	if err := m.each(ctx, parts, n, &p.activating); err != nil {
		return err
	}
	return m.engine.DotAll(ctx, gate, f.Down.to(y))
}

// activating is the activation of gates, some of them a part.
type activating struct {
	model    *Model
	gate, up []float32
	size     int // of a part
}

func (t *activating) Do(_, i int) error {
	a, b := i*t.size, min((i+1)*t.size, len(t.gate))
	t.model.activate(t.gate[a:b], t.up[a:b])
	return nil
}

// activate replaces g by act(g)·u; without gates by act(g).
func (m *Model) activate(g, u []float32) {
	switch m.Config.Activation {
	case arch.GELU:
		m.kernels.GELUMul(g, u)
		return
	case arch.GELUTanh:
		m.kernels.GELUTanhMul(g, u)
		return
	case arch.ReLUSquared:
		for i, v := range g {
			v = max(v, 0)
			g[i] = v * v
		}
		return
	case arch.ClampedSwiGLU: // (u + 1)·g·σ(αg) is silu(αg)·(u + 1)/α
		limit, alpha := m.Config.SwiGLULimit, m.Config.SwiGLUAlpha
		for i := range g {
			g[i] = min(g[i], limit) * alpha
			u[i] = (max(-limit, min(u[i], limit)) + 1) / alpha
		}
	}
	m.kernels.SiLUMul(g, u)
}
