package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// attention is grouped-query attention, causal unless Config.Bidirectional (Vaswani et al. 2017; Ainslie et al.
// 2023): every key/value head serves Heads/KVHeads query heads.
type attention struct {
	Q, K, V, O   linear
	Latent       latent    // instead of K and V, where keys and values are compressed
	QNorm, KNorm []float32 // of a head, or of all of them; or nil
	Sinks        []float32 // of each query head, or nil
}

// attentionScratch is the memory of an attention layer for a pass.
type attentionScratch struct {
	q, k, v, out []float32
	gated        []float32 // queries with a gate behind each, where there are any
	latent       latentScratch
	workers      []*kernel.AttentionMemory
	tasks        []attentionTask // of a key/value head each
}

// attentionTask is rows of a pass that follow each other in a sequence, so that keys and values are read once for all.
type attentionTask struct {
	from, to int
	length   int // of the sequence, where queries see what comes after them; else 0
}

// attentionRows is how many query heads a task has at most, unless a single token has more: enough that its products,
// not the reading of keys and values, take the time.
const attentionRows = 48

// attentionTokens is how many tokens a task has at most, where so many query heads share one of keys.
func attentionTokens(group int) int { return max(1, attentionRows/group) }

// attend writes layer l's output for the rows' vectors x to y and stores their keys and
// values.
func (p *pass) attend(ctx context.Context, l int, t *attention, y, x []float32) error {
	c := p.model.Config
	n := len(p.rows)
	b := &p.attention
	dim, kv := c.HeadDimOf(l), c.KVHeadsOf(l)
	q, k, v := b.q[:n*c.Heads*dim], b.k[:n*kv*dim], b.v[:n*kv*dim]
	m := p.model
	if c.Latent.KV > 0 {
		if err := p.expand(ctx, l, t, q, k, v, x); err != nil {
			return err
		}
	} else {
		queries := q
		if c.GatedAttention {
			queries = b.gated[:2*len(q)]
		}
		if err := p.project(ctx, t, queries, k, v, x); err != nil {
			return err
		}
		p.rotating = rotating{p, l, t, q, k, v}
		if err := m.each(ctx, n, len(q)+len(k), &p.rotating); err != nil {
			return err
		}
	}
	p.divideAttention(l, attentionTokens(c.Heads/kv))
	p.attending = attending{p, l, kv, t.Sinks}
	if err := m.engine.Each(ctx, len(b.workers), len(b.tasks)*kv, &p.attending); err != nil {
		return err
	}
	if c.GatedAttention {
		p.gating = gating{p}
		if err := m.each(ctx, n, 2*len(q), &p.gating); err != nil {
			return err
		}
	}
	return m.engine.DotAll(ctx, p.attended(l, n), t.O.to(y))
}

// project makes queries, keys and values of vectors x, as far as a layer has matrices for them.
func (p *pass) project(ctx context.Context, t *attention, q, k, v, x []float32) error {
	e := p.model.engine
	switch {
	case t.K.W == nil: // those of another layer
		return e.DotAll(ctx, x, t.Q.to(q))
	case t.V.W == nil: // values are what keys are made of
		err := e.DotAll(ctx, x, t.Q.to(q), t.K.to(k))
		copy(v, k)
		return err
	}
	return e.DotAll(ctx, x, t.Q.to(q), t.K.to(k), t.V.to(v))
}

// gating multiplies what query heads see by the sigmoids of their gates. A part is a row.
type gating struct{ pass *pass }

func (t *gating) Do(_, i int) error {
	b, c := &t.pass.attention, t.pass.model.Config
	for h := i * c.Heads; h < (i+1)*c.Heads; h++ {
		out, gate := b.out[h*c.HeadDim:][:c.HeadDim], b.gated[(2*h+1)*c.HeadDim:][:c.HeadDim]
		for j, g := range gate {
			out[j] *= sigmoid(g)
		}
	}
	return nil
}

// divideAttention divides the rows into a layer's tasks of so many at most, of which none sees two chunks.
func (p *pass) divideAttention(l, most int) {
	b, c := &p.attention, p.model.Config
	b.tasks = b.tasks[:0]
	for i, r := range p.rows {
		if i > 0 && r.cache == p.rows[i-1].cache && r.position == p.rows[i-1].position+1 && c.ChunkStart(l, r.rotary) == c.ChunkStart(l, p.rows[i-1].rotary) {
			if last := &b.tasks[len(b.tasks)-1]; last.to-last.from < most {
				last.to++
				continue
			}
		}
		b.tasks = append(b.tasks, attentionTask{from: i, to: i + 1})
	}
	if !p.model.Config.Bidirectional {
		return
	}
	for i := len(b.tasks) - 1; i >= 0; i-- { // a sequence's last task knows its length
		t := &b.tasks[i]
		t.length = p.rows[t.to-1].position + 1
		if i+1 < len(b.tasks) && p.rows[b.tasks[i+1].from].cache == p.rows[t.from].cache {
			t.length = b.tasks[i+1].length
		}
	}
}

// rotating normalizes queries and keys where the model does, gives them their rotary embedding, and stores keys and values.
// A part is a row.
type rotating struct {
	pass    *pass
	layer   int
	of      *attention
	q, k, v []float32
}

func (t *rotating) Do(_, i int) error {
	p, c := t.pass, t.pass.model.Config
	dim, kv := c.HeadDimOf(t.layer), c.KVHeadsOf(t.layer)
	q, k, v := t.q[i*c.Heads*dim:][:c.Heads*dim], t.k[i*kv*dim:][:kv*dim], t.v[i*kv*dim:][:kv*dim]
	if c.GatedAttention {
		for h := range c.Heads {
			copy(q[h*c.HeadDim:][:c.HeadDim], p.attention.gated[2*(i*c.Heads+h)*c.HeadDim:])
		}
	}
	turn := p.rotation(t.layer, i)
	p.rotate(q, t.of.QNorm, dim, turn)
	scale(q, c.QueryScale(t.layer, p.rows[i].rotary))
	if t.of.K.W == nil {
		return nil
	}
	p.rotate(k, t.of.KNorm, dim, turn)
	if c.ValueNorm {
		for at := 0; at < len(v); at += dim {
			rmsNorm(v[at:][:dim], v[at:][:dim], nil, c.NormEps, false)
		}
	}
	r := &p.rows[i]
	r.cache.put(t.layer, r.position, k, v)
	if p.kept != nil {
		p.kept(i, k, v)
	}
	return nil
}

// rotate normalizes heads of a length where there is a norm, each or all together, and turns them.
func (p *pass) rotate(heads, norm []float32, dim int, turn rotation) {
	c := p.model.Config
	n := len(norm)
	if c.HeadNorms {
		n = c.HeadDim
	}
	for at := 0; n > 0 && at < len(heads); at += n {
		head := heads[at:][:n]
		normOf(c, head, head, norm[at%len(norm):][:n])
	}
	for at := 0; at < len(heads); at += dim {
		head := heads[at:][:dim]
		turn.apply(head)
		if c.UnitNorm && len(turn.sin) > 0 {
			unitNorm(head, c.NormEps)
		}
	}
}

// attending is the inner part of attention. A part is a task and a key/value head, the last rows first: they see the most.
type attending struct {
	pass  *pass
	layer int
	heads int // of keys and values
	sinks []float32
}

func (t *attending) Do(worker, i int) error {
	b := &t.pass.attention
	t.pass.attendHead(b.workers[worker], t.layer, i%t.heads, t.sinks, b.tasks[len(b.tasks)-1-i/t.heads])
	return nil
}

// attendHead computes, for a task's rows, the context of the query heads that a key/value head serves.
func (p *pass) attendHead(m *kernel.AttentionMemory, l, head int, sinks []float32, t attentionTask) {
	c, r := p.model.Config, &p.rows[t.from]
	cache := r.cache
	a := kernel.Attention{Form: cache.form, Dim: c.HeadDimOf(l), Group: c.Heads / c.KVHeadsOf(l), Length: t.length, Scale: c.AttnScale, Softcap: c.AttnSoftcap}
	switch {
	case c.Chunked: // all of the task's rows are in one
		a.First = max(0, r.position-r.rotary+c.ChunkStart(l, r.rotary))
	case c.IsLocal(l):
		a.Window = c.SlidingWindow
	}
	if sinks != nil {
		a.Sinks = sinks[head*a.Group:][:a.Group]
	}
	ld := c.Heads * a.Dim
	at, n := t.from*ld+head*a.Group*a.Dim, (t.to-t.from-1)*ld+a.Group*a.Dim
	p.model.kernels.Attend(&a, p.attention.out[at:][:n], p.attention.q[at:][:n], ld, cache.tiles(l, head), r.position, t.to-t.from, m)
}
