package evaluate

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// TestParts: predictions in parts of any size are those of whole vocabularies.
func TestParts(t *testing.T) {
	const tokens, vocab = 40, 1000
	r := rand.New(rand.NewPCG(1, 2))
	p, q, next := make([]float32, tokens*vocab), make([]float32, tokens*vocab), make([]int, tokens)
	for i := range p {
		p[i] = float32(3 * r.NormFloat64())
		q[i] = p[i] + float32(0.1*r.NormFloat64())
	}
	whole, truth := make([]Difference, tokens), &newPredictions(1, vocab)[0]
	for i := range next {
		next[i] = r.IntN(vocab)
		err := truth.set(p[i*vocab:][:vocab])
		if err == nil {
			whole[i], err = truth.differ(q[i*vocab:][:vocab], next[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := DivergenceOf([][]Difference{whole})
	for _, size := range []int{1, 7, 128, vocab} {
		c := NewParts(next)
		for first := 0; first < vocab; first += size {
			rows := min(size, vocab-first)
			var a, b []float32
			for i := range next {
				a, b = append(a, p[i*vocab+first:][:rows]...), append(b, q[i*vocab+first:][:rows]...)
			}
			c.Add(first, rows, a, b)
		}
		got, err := c.Result()
		if err != nil {
			t.Fatal(err)
		}
		if got.Tokens != tokens || got.SameTop != want.SameTop || math.Abs(got.MeanKLD-want.MeanKLD) > 1e-6*want.MeanKLD+1e-8 ||
			math.Abs(got.P999KLD-want.P999KLD) > 1e-6 || math.Abs(got.Perplexity-want.Perplexity) > 1e-5*want.Perplexity || math.Abs(got.RMSDeltaP-want.RMSDeltaP) > 1e-7 {
			t.Errorf("parts of %d: %+v, whole %+v", size, got, want)
		}
	}
	c := NewParts([]int{0})
	c.Add(0, 2, []float32{1, 2}, []float32{float32(math.NaN()), 1})
	if _, err := c.Result(); !errors.Is(err, ErrLogits) {
		t.Errorf("NaN: %v", err)
	}
}
