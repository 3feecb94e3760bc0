package transformer

import (
	"context"
	"math"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// mambaRows writes layer l's output for the rows' vectors x to y, as a Mamba-2 layer (Dao and Gu 2024): values, keys and
// queries go through a convolution; each head's state is a matrix [keys, values] that fades with each token by how long its
// step is, takes the token's values over at its keys, and is read by its queries. Keys and queries are those of all heads
// of a group.
func (p *pass) mambaRows(ctx context.Context, l int, t *mixer, y, x []float32) error {
	m, b, n := p.model, &p.mixer, len(p.rows)
	c := &m.Config.Mixers
	width, values := m.Config.MixerWidth(), c.Values()
	in, between, out, gates, steps := b.in[:n*width], b.between[:n*width], b.out[:n*values], b.gates[:n*values], b.rates[:n*c.ValueHeads]
	if err := m.engine.DotAll(ctx, x, t.In.to(in), t.Gate.to(gates), t.Step.to(steps)); err != nil {
		return err
	}
	runs := p.divideRuns()
	parts, size := m.cut(width)
	p.convolving = convolving{p, l, &t.convolution, in, between, nil, size}
	if err := m.each(ctx, parts*len(runs), len(in), &p.convolving); err != nil {
		return err
	}
	p.scanning = scanning{p, l, t, between, steps, out}
	if err := m.engine.Each(ctx, m.threads, c.ValueHeads*len(runs), &p.scanning); err != nil {
		return err
	}
	p.gatedNorm = gatedNorm{m, gates, out, t.norm}
	if err := m.each(ctx, n*c.KeyHeads, len(gates), &p.gatedNorm); err != nil {
		return err
	}
	return m.engine.DotAll(ctx, gates, t.Out.to(y))
}

// attendBeside writes what attention and a Mamba-2 layer make of x, added, to y.
func (p *pass) attendBeside(ctx context.Context, l int, b *block, y, x []float32) error {
	if err := p.attend(ctx, l, &b.Attention, y, x); err != nil {
		return err
	}
	beside := p.beside[:len(y)]
	if err := p.mambaRows(ctx, l, &b.Mixer, beside, x); err != nil {
		return err
	}
	p.mixing = mixing{hidden: p.model.Config.Hidden, y: y, out: beside}
	return p.model.each(ctx, len(p.rows), len(y), &p.mixing)
}

// scanning is the recurrence of a Mamba-2 layer. A part is a head of a run.
type scanning struct {
	pass  *pass
	layer int
	of    *mixer
	x     []float32 // values, keys and queries [rows, width]
	steps []float32 // [rows, heads]
	out   []float32 // [rows, values]
}

func (t *scanning) Do(_, i int) error {
	p := t.pass
	c := p.model.Config
	m, width := &c.Mixers, c.MixerWidth()
	runs := p.mixer.runs
	r, head := runs[i%len(runs)], i/len(runs)
	group := head / (m.ValueHeads / m.KeyHeads)
	state, first := p.state(t.layer, r, c.State(t.layer))
	state = state[(m.Taps-1)*width+head*m.KeyDim*m.ValueDim:][:m.KeyDim*m.ValueDim]
	if first {
		clear(state)
	}
	for n := r.from; n < r.to; n++ {
		x := t.x[n*width:][:width]
		value, keys := x[head*m.ValueDim:][:m.ValueDim], x[m.Values():]
		key, query := keys[group*m.KeyDim:][:m.KeyDim], keys[m.Keys()+group*m.KeyDim:][:m.KeyDim]
		step := softplus(float64(t.steps[n*m.ValueHeads+head]) + float64(t.of.step[head]))
		keep := float32(detmath.Exp64(-float64(float64(t.of.decay[head]) * step)))
		out := t.out[(n*m.ValueHeads+head)*m.ValueDim:][:m.ValueDim]
		p.model.kernels.ScanStep(state, query, key, value, out, keep, float32(step))
		skip := t.of.skip[head]
		for j, v := range value {
			out[j] += float32(skip * v)
		}
	}
	return nil
}

// gatedNorm multiplies what heads answer by their activated gates, whose place that takes, and normalizes it by groups, then
// or before, or not. A part
// is a group of a row.
type gatedNorm struct {
	model      *Model
	gates, out []float32
	norm       []float32 // [values]
}

func (t *gatedNorm) Do(_, i int) error {
	c := t.model.Config
	n := c.Mixers.Values() / c.Mixers.KeyHeads
	gate, out := t.gates[i*n:][:n], t.out[i*n:][:n]
	if c.Mixers.Mamba.Norm == arch.NormNone {
		t.model.kernels.SiLUMul(gate, out)
		return nil
	}
	w := t.norm[i%c.Mixers.KeyHeads*n:][:n]
	if c.Mixers.Mamba.Norm == arch.NormFirst {
		rmsNorm(out, out, w, c.NormEps, false)
		t.model.kernels.SiLUMul(gate, out)
		return nil
	}
	t.model.kernels.SiLUMul(gate, out)
	rmsNorm(gate, gate, w, c.NormEps, false)
	return nil
}

// softplus is ln(1+e^v).
func softplus(v float64) float64 {
	if v > 20 { // beyond, the logarithm is v
		return v
	}
	return float64(detmath.Log2(1+detmath.Exp64(v)) * math.Ln2)
}

// decays returns how fast heads forget by its logarithms, or, where files have them so, by the negative of that.
func decays(x []float32, negative bool) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		if y[i] = -v; !negative {
			y[i] = float32(detmath.Exp64(float64(v)))
		}
	}
	return y
}
