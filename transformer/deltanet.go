package transformer

import (
	"context"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// deltaRows writes layer l's output for the rows' vectors x to y, as a gated delta net (Yang et al. 2024): queries, keys and
// values go through a convolution; each head's state is a matrix [keys, values] that answers a query with the values that
// stood beside like keys, and that is corrected at each token by what it answers otherwise.
func (p *pass) deltaRows(ctx context.Context, l int, t *mixer, y, x []float32) error {
	m, b, n := p.model, &p.mixer, len(p.rows)
	c := &m.Config.Mixers
	width, values, heads := m.Config.MixerWidth(), c.Values(), c.ValueHeads
	in, between, gates, rates := b.in[:n*width], b.between[:n*width], b.gates[:n*values], b.rates[:n*2*heads]
	var pairs []float32 // of rates, by heads of keys
	if c.Grouped || c.GroupedRates {
		pairs = b.out[:n*2*heads]
	}
	if c.GroupedRates {
		if err := m.engine.DotAll(ctx, x, t.In.to(in), t.Gate.to(gates), t.Rate.to(pairs)); err != nil {
			return err
		}
	} else if c.Grouped {
		raw := b.between[:n*(width+values)]
		if err := m.engine.DotAll(ctx, x, t.In.to(raw), t.Rate.to(pairs)); err != nil {
			return err
		}
		for i := range n {
			ungroup(c.KeyHeads, raw[i*(width+values):][:width+values],
				in[i*width:][:c.Keys()], in[i*width+c.Keys():][:c.Keys()], in[i*width+2*c.Keys():][:values], gates[i*values:][:values])
		}
	} else if err := m.engine.DotAll(ctx, x, t.In.to(in), t.Gate.to(gates), t.Rate.to(rates[:n*heads]), t.Step.to(rates[n*heads:])); err != nil {
		return err
	}
	if c.Grouped || c.GroupedRates {
		for i := range n {
			ungroup(c.KeyHeads, pairs[i*2*heads:][:2*heads], rates[i*heads:][:heads], rates[(n+i)*heads:][:heads])
		}
	}
	runs := p.divideRuns()
	parts, size := m.cut(width)
	p.convolving = convolving{p, l, &t.convolution, in, between, nil, size}
	if err := m.each(ctx, parts*len(runs), len(in), &p.convolving); err != nil {
		return err
	}
	p.remembering = remembering{p, l, t, between, b.out[:n*values], gates, rates}
	if err := m.engine.Each(ctx, m.threads, c.KeyHeads*len(runs), &p.remembering); err != nil {
		return err
	}
	return m.engine.DotAll(ctx, gates, t.Out.to(y))
}

// ungroup takes apart what lies together by heads: of each head a part for each of the lists.
func ungroup(heads int, x []float32, lists ...[]float32) {
	at := 0
	for h := range heads {
		for _, to := range lists {
			n := len(to) / heads
			copy(to[h*n:], x[at:at+n])
			at += n
		}
	}
}

// remembering is what is between the convolution and the last matrix of a delta net. A part is a head of keys, with its
// heads of values, of a run. Outputs take the gates' place.
type remembering struct {
	pass         *pass
	layer        int
	of           *mixer
	x, out       []float32 // queries, keys and values; what heads answer
	gates, rates []float32 // rates: how much of each token each head takes over, for all rows, then how much it forgets
}

func (t *remembering) Do(_, i int) error {
	p := t.pass
	c := p.model.Config
	m, width := &c.Mixers, c.MixerWidth()
	runs := p.mixer.runs
	r, head := runs[i%len(runs)], i/len(runs)
	each := m.ValueHeads / m.KeyHeads
	state, first := p.state(t.layer, r, c.State(t.layer))
	state = state[(m.Taps-1)*width+head*each*m.KeyDim*m.ValueDim:][:each*m.KeyDim*m.ValueDim]
	if first {
		clear(state)
	}
	rows := len(t.rates) / 2 / m.ValueHeads
	for n := r.from; n < r.to; n++ {
		x := t.x[n*width:][:width]
		query, key := x[head*m.KeyDim:][:m.KeyDim], x[m.Keys()+head*m.KeyDim:][:m.KeyDim]
		unit(query, float64(m.KeyDim))
		unit(key, 1)
		for k := range each {
			h := head*each + k
			if m.Tiled {
				h = k*m.KeyHeads + head
			}
			at := n*m.ValueHeads + h
			out := t.out[at*m.ValueDim:][:m.ValueDim]
			take := sigmoid(t.rates[at])
			keep := forget(t.rates[rows*m.ValueHeads+at], t.of.step[h], t.of.decay[h], m.Decays)
			p.model.kernels.DeltaStep(state[k*m.KeyDim*m.ValueDim:], query, key, x[2*m.Keys()+h*m.ValueDim:][:m.ValueDim], out, keep, take)
			rmsNorm(out, out, t.of.norm, c.NormEps, false)
			p.model.kernels.SiLUMul(t.gates[at*m.ValueDim:][:m.ValueDim], out)
		}
	}
	return nil
}

// unit divides x by its length and by the root of a size.
func unit(x []float32, size float64) {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	scale := float32(1 / math.Sqrt(float64((sum+1e-6)*size)))
	for i := range x {
		x[i] *= scale
	}
}

// forget is what a state is multiplied by before a token: e^(−e^decay · ln(1+e^(x+bias))), where −e^decay may be given for decay.
func forget(x, bias, decay float32, negative bool) float32 {
	rate := -float64(decay)
	if !negative {
		rate = detmath.Exp64(float64(decay))
	}
	return float32(detmath.Exp64(-float64(rate * softplus(float64(x)+float64(bias)))))
}

// sigmoid returns 1/(1+e^−x).
func sigmoid(x float32) float32 { return float32(1 / (1 + detmath.Exp64(-float64(x)))) }
