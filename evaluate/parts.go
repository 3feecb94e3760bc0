package evaluate

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// Parts compares a model's predictions with a reference's where only some of the vocabulary's
// logits are there at a time, of all tokens that are scored.
type Parts struct {
	tokens []partial
}

// partial is what is known so far of one token's predictions, p the reference's and q.
type partial struct {
	next         int // the text's own token
	p, q         peak
	cross        float64 // Σ e^(p−p.most)·(p−q)
	nextP, nextQ float64
}

// peak is a softmax under way.
type peak struct {
	most float64 // the largest logit
	sum  float64 // Σ e^(x−most)
	top  int     // its token
}

// NewParts begins a comparison of the predictions of so many tokens, each followed by next.
func NewParts(next []int) *Parts {
	c := &Parts{tokens: make([]partial, len(next))}
	for i, n := range next {
		c.tokens[i] = partial{next: n, p: peak{most: math.Inf(-1)}, q: peak{most: math.Inf(-1)}}
	}
	return c
}

// Add takes logits [tokens, rows] of the vocabulary's tokens from first on, which follow those of
// the call before.
func (c *Parts) Add(first, rows int, reference, logits []float32) {
	for i := range c.tokens {
		t := &c.tokens[i]
		p, q := reference[i*rows:][:rows], logits[i*rows:][:rows]
		scale := t.p.raise(first, p)
		t.q.raise(first, q)
		t.cross *= scale
		for k, v := range p {
			e := float64(detmath.Exp(v - float32(t.p.most)))
			t.p.sum += e
			t.cross += float64(e * (float64(v) - float64(q[k])))
			t.q.sum += float64(detmath.Exp(q[k] - float32(t.q.most)))
		}
		if k := t.next - first; 0 <= k && k < rows {
			t.nextP, t.nextQ = float64(p[k]), float64(q[k])
		}
	}
}

// raise takes the largest of the logits for the most there is, and returns what sums so far are
// multiplied by.
func (s *peak) raise(first int, logits []float32) float64 {
	most, top := s.most, s.top
	for k, v := range logits {
		if float64(v) > most {
			most, top = float64(v), first+k
		}
	}
	scale := 0.0
	if !math.IsInf(s.most, -1) {
		scale = detmath.Exp64(s.most - most)
	}
	s.most, s.top, s.sum = most, top, float64(s.sum*scale)
	return scale
}

// log is the logarithm of Σ e^x.
func (s *peak) log() float64 { return s.most + float64(detmath.Log2(s.sum)*math.Ln2) }

// Result sums up the tokens, of which there was one at least. Predictions that are no numbers are
// ErrLogits.
func (c *Parts) Result() (*DivergenceResult, error) {
	list := make([]Difference, len(c.tokens))
	for i := range c.tokens {
		t := &c.tokens[i]
		lp, lq := t.p.log(), t.q.log()
		// Σ p·((x−lp) − (y−lq)) over the vocabulary.
		kld := float64(t.cross/t.p.sum) - lp + lq
		if s := kld + t.nextP + t.nextQ; math.IsNaN(s) || math.IsInf(s, 0) {
			return nil, ErrLogits
		}
		list[i] = Difference{max(0, kld), t.p.top == t.q.top, t.nextP - lp, t.nextQ - lq}
	}
	return DivergenceOf([][]Difference{list}), nil
}
