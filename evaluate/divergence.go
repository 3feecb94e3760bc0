package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// DivergenceResult says how far a model's predictions are from a reference's.
type DivergenceResult struct {
	MeanKLD             float64 `json:"mean_kld"` // Σ p·ln(p/q), nats a token; p is the reference's
	MedianKLD           float64 `json:"median_kld"`
	P99KLD              float64 `json:"p99_kld"`
	MaxKLD              float64 `json:"max_kld"`
	Perplexity          float64 `json:"perplexity"`
	ReferencePerplexity float64 `json:"reference_perplexity"`
	DeltaPerplexity     float64 `json:"delta_perplexity"`
	SameTop             float64 `json:"same_top_1"`  // share of tokens where both think the same most likely
	RMSDeltaP           float64 `json:"rms_delta_p"` // of the probability given to the text's own token
	Tokens              int     `json:"tokens_scored"`
}

// stride is how many tokens both models run before their logits are compared.
const stride = 64

// Divergence runs both models side by side over ids, in windows of c tokens. Both
// sessions have the vocabulary of the same tokenizer.
func Divergence(ctx context.Context, s, reference *transformer.Session, vocab int, ids []int, c, bos int, progress func(done, total int, kld float64)) (*DivergenceResult, error) {
	list, err := newWindows(ids, c, bos)
	if err != nil {
		return nil, err
	}
	d := &divergence{truth: make([]float32, stride*vocab), vocab: vocab}
	for i := range list.count() {
		w := list.at(i)
		s.Reset(0)
		reference.Reset(0)
		for at := 0; at < len(w)-1; at += stride {
			part := w[at:min(at+stride, len(w)-1)]
			if err := d.compare(ctx, s, reference, part, w[at+1:], max(0, len(w)/2-at)); err != nil {
				return nil, err
			}
		}
		if progress != nil && len(d.klds) > 0 {
			progress(i+1, list.count(), d.sum/float64(len(d.klds)))
		}
	}
	return d.result(), nil
}

// divergence sums up what has been compared.
type divergence struct {
	vocab         int
	truth         []float32 // the reference's logits of a stride
	klds          []float64
	sum           float64
	nll, truthNLL float64
	same          int
	squares       float64
}

// compare runs the next tokens through both models and compares their logits from
// the token numbered first on; next are the tokens that follow each.
func (d *divergence) compare(ctx context.Context, s, reference *transformer.Session, ids, next []int, first int) error {
	err := reference.Forward(ctx, ids, first, func(i int, logits []float32) error {
		if len(logits) != d.vocab {
			return fmt.Errorf("the reference has a vocabulary of %d, not %d", len(logits), d.vocab)
		}
		copy(d.truth[i*d.vocab:], logits)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	return s.Forward(ctx, ids, first, func(i int, logits []float32) error {
		return d.add(d.truth[i*d.vocab:][:d.vocab], logits, next[i])
	})
}

// add compares the predictions of one token, p the reference's.
func (d *divergence) add(p, q []float32, next int) error {
	lp, lq := logSumExp(p), logSumExp(q)
	if s := lp + lq; math.IsNaN(s) || math.IsInf(s, 0) {
		return ErrLogits
	}
	kld := 0.0
	topP, topQ := 0, 0
	for i := range p {
		a, b := float64(p[i])-lp, float64(q[i])-lq
		kld += float64(detmath.Exp64(a) * (a - b))
		if p[i] > p[topP] {
			topP = i
		}
		if q[i] > q[topQ] {
			topQ = i
		}
	}
	kld = max(0, kld)
	d.klds = append(d.klds, kld)
	d.sum += kld
	if topP == topQ {
		d.same++
	}
	a, b := float64(p[next])-lp, float64(q[next])-lq
	d.truthNLL -= a
	d.nll -= b
	delta := detmath.Exp64(b) - detmath.Exp64(a)
	d.squares += float64(delta * delta)
	return nil
}

func (d *divergence) result() *DivergenceResult {
	n := float64(len(d.klds))
	slices.Sort(d.klds)
	at := func(share float64) float64 { return d.klds[int(share*(n-1))] }
	r := &DivergenceResult{
		MeanKLD: d.sum / n, MedianKLD: at(0.5), P99KLD: at(0.99), MaxKLD: at(1),
		Perplexity: detmath.Exp64(d.nll / n), ReferencePerplexity: detmath.Exp64(d.truthNLL / n),
		SameTop: float64(d.same) / n, RMSDeltaP: math.Sqrt(d.squares / n), Tokens: len(d.klds),
	}
	r.DeltaPerplexity = r.Perplexity - r.ReferencePerplexity
	return r
}
