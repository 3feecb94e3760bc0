package transformer

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// Attention is causal grouped-query attention (Vaswani et al. 2017; Ainslie et al.
// 2023): every key/value head serves Heads/KVHeads query heads.
type Attention struct {
	Q, K, V, O   Linear
	QNorm, KNorm []float32 // of length HeadDim, or nil
}

// attentionScratch is the memory of an attention layer for up to a chunk of
// vectors.
type attentionScratch struct {
	q, k, v, out []float32 // of the chunk
	workers      []attentionWorker
}

// attentionWorker is one worker's.
type attentionWorker struct {
	scores     []float32 // a group of query heads × positions
	weights    []float32 // keys or values as float32, of a half precision cache
	activation kernel.Activations
}

// forward writes the layer's output for a chunk of vectors at positions first,
// first+1, … to y and stores their keys and values.
func (s *Session) attention(ctx context.Context, l int, t *Attention, y, x []float32, first int) error {
	c := s.model.Config
	n := len(x) / c.Hidden
	b := &s.scratch.attention
	q, k, v := b.q[:n*c.Heads*c.HeadDim], b.k[:n*c.KVHeads*c.HeadDim], b.v[:n*c.KVHeads*c.HeadDim]
	for _, p := range []struct {
		l *Linear
		y []float32
	}{{&t.Q, q}, {&t.K, k}, {&t.V, v}} {
		if err := p.l.apply(ctx, p.y, x); err != nil {
			return err
		}
	}
	s.turn(l, t, q, k)
	for i := range n {
		s.cache.put(l, 0, first+i, k[i*c.KVHeads*c.HeadDim:])
		s.cache.put(l, 1, first+i, v[i*c.KVHeads*c.HeadDim:])
	}
	// Every vector and every key/value head is a task of its own.
	parallel(len(b.workers), n*c.KVHeads, 1, func(w, from, to int) {
		for task := from; task < to; task++ {
			s.attend(&b.workers[w], l, task%c.KVHeads, first+task/c.KVHeads, q, task/c.KVHeads)
		}
	})
	return t.O.apply(ctx, y, b.out[:n*c.Heads*c.HeadDim])
}

// turn normalizes queries and keys where the model does, and rotates them.
func (s *Session) turn(l int, t *Attention, q, k []float32) {
	c := s.model.Config
	for _, p := range []struct {
		x     []float32
		heads int
		norm  []float32
	}{{q, c.Heads, t.QNorm}, {k, c.KVHeads, t.KNorm}} {
		if p.norm != nil {
			rmsNormRows(p.x, p.x, p.norm, c.HeadDim, c.NormEps, c.NormOffset)
		}
		stride := p.heads * c.HeadDim
		for i := 0; i*stride < len(p.x); i++ {
			r := s.rotation(l, i)
			for h := range p.heads {
				r.apply(p.x[i*stride+h*c.HeadDim:][:c.HeadDim])
			}
		}
	}
}

// attend computes, for the vector i of the chunk at the given position, the context
// of the query heads that a key/value head serves.
func (s *Session) attend(w *attentionWorker, l, head, position int, q []float32, i int) {
	c := s.model.Config
	from := c.window(l, position)
	n, group := position+1-from, c.Heads/c.KVHeads
	kernels := s.model.kernels
	queries := q[(i*c.Heads+head*group)*c.HeadDim:][:group*c.HeadDim]

	w.activation.Pack(queries, group, c.HeadDim)
	scores := w.scores[:group*n]
	kernels.DotRowsF32(scores, n, &w.activation, s.cache.get(w.weights, l, 0, head, from, position+1), n)
	for g := range group {
		softmax(scores[g*n:][:n], c.AttnScale, c.AttnSoftcap)
	}
	out := s.scratch.attention.out[(i*c.Heads+head*group)*c.HeadDim:][:group*c.HeadDim]
	clear(out)
	kernels.AccumulateRowsF32(out, c.HeadDim, scores, n, group, s.cache.get(w.weights, l, 1, head, from, position+1), c.HeadDim, n, c.HeadDim)
}

// softmax turns scores into weights: e^(s−max) / Σ, s = scale·score, capped. The
// sum is taken in float64, in order.
func softmax(scores []float32, scale, cap float32) {
	most := float32(0)
	for i, v := range scores {
		v *= scale
		if cap > 0 {
			v = cap * detmath.Tanh(v/cap)
		}
		scores[i] = v
		if i == 0 || v > most {
			most = v
		}
	}
	sum := 0.0
	for i, v := range scores {
		e := detmath.Exp(v - most)
		scores[i] = e
		sum += float64(e)
	}
	inverse := 1 / sum
	for i, e := range scores {
		scores[i] = float32(float64(e) * inverse)
	}
}
