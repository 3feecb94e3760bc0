package evaluate

import (
	"math/rand/v2"
	"testing"
)

// someLogits are a reference's and a model's for one token.
func someLogits(vocab int) (p, q []float32) {
	r := rand.New(rand.NewPCG(1, 2))
	p, q = make([]float32, vocab), make([]float32, vocab)
	for i := range p {
		p[i] = float32(3 * r.NormFloat64())
		q[i] = p[i] + float32(0.1*r.NormFloat64())
	}
	return p, q
}

// BenchmarkPredictions takes what a reference says of one token, in Gemma's vocabulary, and compares a model with it.
func BenchmarkPredictions(b *testing.B) {
	p, q := someLogits(262144)
	truth := &newPredictions(1, len(p))[0]
	b.Run("reference", func(b *testing.B) {
		for b.Loop() {
			if err := truth.set(p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("model", func(b *testing.B) {
		for b.Loop() {
			if _, err := truth.differ(q, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
