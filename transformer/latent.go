package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/arch"
)

// latent is what keys and values are made of where they are compressed (DeepSeek-AI 2024). The cache holds them as each head
// has them, so that attention is what it is elsewhere.
type latent struct {
	Down, Up, Query linear // of keys and values; of queries, without W where these are made of the vector itself
	Norm, QueryNorm []float32
}

// latentScratch is the memory of that for a pass.
type latentScratch struct {
	down  []float32 // [chunk, KV and what turns]
	kv    []float32 // [chunk, KV], normalized
	query []float32 // [chunk, Query]
	up    []float32 // [chunk, heads, key and value]
}

// latentFloats is how many float32 of it a token takes.
func latentFloats(c *arch.Config) int64 {
	a := &c.Latent
	if a.KV == 0 {
		return 0
	}
	return int64(2*a.KV+c.Rope.Rotated(c.HeadDim)) + int64(a.Query) + int64(c.Heads)*int64(c.Unturned()+a.Value)
}

// newLatentScratch has room for tokens of a chunk, which take gives.
func newLatentScratch(c *arch.Config, chunk int, take func(n int) []float32) latentScratch {
	a := &c.Latent
	if a.KV == 0 {
		return latentScratch{}
	}
	return latentScratch{
		down: take(chunk * (a.KV + c.Rope.Rotated(c.HeadDim))), kv: take(chunk * a.KV), query: take(chunk * a.Query),
		up: take(chunk * c.Heads * (c.Unturned() + a.Value)),
	}
}

// expand makes queries, keys and values of the rows' vectors x and stores the latter.
func (p *pass) expand(ctx context.Context, l int, t *attention, q, k, v, x []float32) error {
	c, m, s, a := p.model.Config, p.model, &p.attention.latent, &t.Latent
	n := len(p.rows)
	down, kv := s.down[:n*a.Down.Rows], s.kv[:n*c.Latent.KV]
	up, query := s.up[:n*a.Up.Rows], s.query[:n*c.Latent.Query]
	p.expanding = expanding{p, l, t, down, kv, query, up, q, k, v, false}
	var err error
	if a.Query.W == nil {
		err = m.engine.DotAll(ctx, x, a.Down.to(down), t.Q.to(q))
	} else {
		err = m.engine.DotAll(ctx, x, a.Down.to(down), a.Query.to(query))
	}
	if err == nil {
		err = m.each(ctx, n, len(down)+len(query), &p.expanding)
	}
	if err == nil && a.Query.W != nil {
		err = m.engine.DotAll(ctx, query, t.Q.to(q))
	}
	if err == nil {
		err = m.engine.DotAll(ctx, kv, a.Up.to(up))
	}
	if err != nil {
		return err
	}
	p.expanding.whole = true
	return m.each(ctx, n, len(q)+len(up), &p.expanding)
}

// expanding is what happens to rows between those products: first norms, and the turn of the keys' last values; then, when the
// heads are whole, the turn of the queries', and the storing. A part is a row.
type expanding struct {
	pass                *pass
	layer               int
	of                  *attention
	down, kv, query, up []float32
	q, k, v             []float32
	whole               bool
}

func (t *expanding) Do(_, i int) error {
	p, c := t.pass, t.pass.model.Config
	a, turn := &t.of.Latent, p.rotation(t.layer, i)
	down := t.down[i*a.Down.Rows:][:a.Down.Rows]
	n, fixed := c.Latent.KV, c.Unturned()
	if !t.whole {
		rmsNorm(t.kv[i*n:][:n], down[:n], a.Norm, c.Latent.NormEps, c.NormOffset)
		turn.apply(down[n:])
		if query := t.query[i*c.Latent.Query:][:c.Latent.Query]; len(query) > 0 {
			rmsNorm(query, query, a.QueryNorm, c.Latent.NormEps, c.NormOffset)
		}
		return nil
	}
	width, each := c.Heads*c.HeadDim, fixed+c.Latent.Value
	q, k, v := t.q[i*width:][:width], t.k[i*width:][:width], t.v[i*width:][:width]
	for h := range c.Heads {
		turn.apply(q[h*c.HeadDim+fixed:][:c.HeadDim-fixed])
		up, key, value := t.up[i*a.Up.Rows+h*each:][:each], k[h*c.HeadDim:][:c.HeadDim], v[h*c.HeadDim:][:c.HeadDim]
		copy(key, up[:fixed])
		copy(key[fixed:], down[n:])
		clear(value[copy(value, up[fixed:]):])
	}
	r := &p.rows[i]
	scale(q, c.QueryScale(t.layer, r.rotary))
	r.cache.put(t.layer, r.position, k, v)
	return nil
}

// attended returns what n rows see in layer l, head after head, without what is added to values that are shorter than keys.
func (p *pass) attended(l, n int) []float32 {
	c, out := p.model.Config, p.attention.out
	if c.Latent.KV == 0 {
		return out[:n*c.Heads*c.HeadDimOf(l)]
	}
	dim, heads := c.Latent.Value, n*c.Heads
	if dim < c.HeadDim {
		for h := range heads {
			copy(out[h*dim:][:dim], out[h*c.HeadDim:][:dim])
		}
	}
	return out[:heads*dim]
}
