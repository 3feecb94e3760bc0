package transformer

import (
	"context"
	"math"

	"github.com/helix-substrate/helix-substrate/arch"
)

// beside is what experts have that stand beside a feed-forward layer (Gemma 4): both see the residual stream, and each has
// norms of its own.
type beside struct {
	DensePost   []float32 // the norm of what the feed-forward layer gives
	RouterScale []float32 // of what the router sees
	Scales      []float32 // of each expert, for its weight
	Norm, Post  []float32 // before the experts, and of what they give

	see func(x []float32) error // is shown what the experts' first matrices are multiplied by, of all tokens; nil: nobody looks
}

// mixBeside writes what a feed-forward layer gives for vectors h, and experts beside it for the residual stream x, to y.
func (p *pass) mixBeside(ctx context.Context, b *block, y, x, h []float32) error {
	c, m, e, r := p.model.Config, p.model, &b.Experts, &p.routing
	if err := p.ffn(ctx, &b.FFN, y, h); err != nil {
		return err
	}
	h = p.normed[:len(x)]
	p.parting = parting{c, &e.Beside, h, x, nil}
	if err := m.each(ctx, len(x)/c.Hidden, len(x), &p.parting); err != nil {
		return err
	}
	if err := p.route(ctx, e, h); err != nil {
		return err
	}
	for i := range r.choices[:len(x)/c.Hidden*c.Experts.PerToken] {
		r.choices[i].weight *= e.Beside.Scales[r.choices[i].expert]
	}
	if err := p.normalize(ctx, h, x, e.Beside.Norm); err != nil {
		return err
	}
	if e.Beside.see != nil {
		if err := e.Beside.see(h); err != nil {
			return err
		}
	}
	sum := r.sum[:len(x)]
	if err := p.mixExperts(ctx, e, sum, h); err != nil {
		return err
	}
	p.parting = parting{c, &e.Beside, y, nil, sum}
	return m.each(ctx, len(x)/c.Hidden, len(x), &p.parting)
}

// parting is what happens to rows around the experts: the router's norm of the residual stream x to y; then, with what the
// experts give, the norms of that and of the feed-forward layer's y, to which it is added. A part is a row.
type parting struct {
	config    *arch.Config
	of        *beside
	y, x, sum []float32
}

func (t *parting) Do(_, i int) error {
	c := t.config
	at, end := i*c.Hidden, (i+1)*c.Hidden
	y := t.y[at:end]
	if t.sum == nil {
		rmsNorm(y, t.x[at:end], nil, c.NormEps, false)
		root := float32(1 / math.Sqrt(float64(c.Hidden)))
		for j, s := range t.of.RouterScale {
			y[j] *= float32(s * root)
		}
		return nil
	}
	sum := t.sum[at:end]
	normOf(c, y, y, t.of.DensePost)
	normOf(c, sum, sum, t.of.Post)
	for j, v := range sum {
		y[j] += v
	}
	return nil
}
