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
	P999KLD             float64 `json:"p999_kld"` // 99.9 % of tokens have no more
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

// Divergence runs both models side by side over ids, in windows of c tokens, each with bos
// first unless that is negative. Both sessions are of models with so many tokens in their
// vocabularies; others are ErrVocabulary. progress, if not nil, is called after each window
// with the mean so far. Other errors are those of Perplexity. Both sessions begin anew.
func Divergence(ctx context.Context, s, reference *transformer.Session, vocab int, ids []int, c, bos int, progress func(done, total int, kld float64)) (*DivergenceResult, error) {
	r, err := Divergences(ctx, []*transformer.Session{s}, reference, vocab, ids, c, bos, progress)
	if err != nil {
		return nil, err
	}
	return r[0], nil
}

// Divergences is Divergence for several models, for which the reference runs just once. Results
// come in the order of the sessions; progress is told the first one's mean.
func Divergences(ctx context.Context, sessions []*transformer.Session, reference *transformer.Session, vocab int, ids []int, c, bos int, progress func(done, total int, kld float64)) ([]*DivergenceResult, error) {
	list, err := newWindows(ids, c, bos)
	if err != nil {
		return nil, err
	}
	comparisons := make([]*comparison, len(sessions))
	truth := newPredictions(stride, vocab)
	for k := range comparisons {
		comparisons[k] = &comparison{truth: truth, vocab: vocab}
	}
	for i := range list.count() {
		reference.Reset(0)
		for _, s := range sessions {
			s.Reset(0)
		}
		if err := compare(ctx, comparisons, sessions, reference, list.at(i)); err != nil {
			return nil, err
		}
		if progress != nil && len(comparisons) > 0 {
			progress(i+1, list.count(), comparisons[0].mean())
		}
	}
	results := make([]*DivergenceResult, len(sessions))
	for k, d := range comparisons {
		results[k] = d.result()
	}
	return results, nil
}

// comparison sums up how far predictions are from a reference's, window by window.
type comparison struct {
	vocab         int
	truth         []prediction // the reference's, of a stride
	klds          []float64
	sum           float64
	nll, truthNLL float64
	same          int
	squares       float64
}

// compare gives a window of tokens to a reference and to models with a comparison each, none of which has had any of the
// sequence, and compares what they predict of its second half. The comparisons share what the reference predicts.
func compare(ctx context.Context, ds []*comparison, sessions []*transformer.Session, reference *transformer.Session, window []int) error {
	for at := 0; at < len(window)-1; at += stride {
		part, first := window[at:min(at+stride, len(window)-1)], max(0, len(window)/2-at)
		for k, d := range ds {
			if k == 0 {
				if err := d.ask(ctx, reference, part, first); err != nil {
					return err
				}
			}
			if err := d.judge(ctx, sessions[k], part, window[at+1:], first); err != nil {
				return err
			}
		}
	}
	return nil
}

// mean is the mean divergence so far, in nats a token.
func (d *comparison) mean() float64 { return d.sum / float64(max(1, len(d.klds))) }

// prediction is what a reference predicts of one token, worked out once for all models.
type prediction struct {
	logits []float32
	log    float64   // ln Σ e^logit
	shares []float64 // the probabilities
	top    int       // the most likely token
}

// newPredictions makes room for the predictions of n tokens.
func newPredictions(n, vocab int) []prediction {
	list, logits, shares := make([]prediction, n), make([]float32, n*vocab), make([]float64, n*vocab)
	for i := range list {
		list[i] = prediction{logits: logits[i*vocab:][:vocab], shares: shares[i*vocab:][:vocab]}
	}
	return list
}

// set takes over logits, of which there is one for each token of the vocabulary.
func (p *prediction) set(logits []float32) error {
	copy(p.logits, logits)
	p.log, p.top = logSumExp(logits), 0
	if math.IsNaN(p.log) || math.IsInf(p.log, 0) {
		return ErrLogits
	}
	for i, v := range logits {
		p.shares[i] = detmath.Exp64(float64(v) - p.log)
		if v > logits[p.top] {
			p.top = i
		}
	}
	return nil
}

// ask runs the next tokens through the reference and keeps what it predicts from the token numbered
// first on.
func (d *comparison) ask(ctx context.Context, reference *transformer.Session, ids []int, first int) error {
	err := reference.Forward(ctx, ids, first, func(i int, logits []float32) error {
		if len(logits) != d.vocab {
			return fmt.Errorf("%d tokens, not %d: %w", len(logits), d.vocab, ErrVocabulary)
		}
		return d.truth[i].set(logits)
	})
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	return nil
}

// judge runs the same tokens through the model and compares its logits; next are the tokens that
// follow each.
func (d *comparison) judge(ctx context.Context, s *transformer.Session, ids, next []int, first int) error {
	return s.Forward(ctx, ids, first, func(i int, logits []float32) error {
		if len(logits) != d.vocab {
			return fmt.Errorf("%d tokens, not %d: %w", len(logits), d.vocab, ErrVocabulary)
		}
		if err := check(next[i], logits); err != nil {
			return err
		}
		return d.add(&d.truth[i], logits, next[i])
	})
}

// add compares the predictions of one token, p the reference's.
func (d *comparison) add(p *prediction, logits []float32, next int) error {
	log := logSumExp(logits)
	if math.IsNaN(log) || math.IsInf(log, 0) {
		return ErrLogits
	}
	kld, top := 0.0, 0
	for i, share := range p.shares {
		a, b := float64(p.logits[i])-p.log, float64(logits[i])-log
		kld += float64(share * (a - b))
		if logits[i] > logits[top] {
			top = i
		}
	}
	d.take(kld, p.top == top, float64(p.logits[next])-p.log, float64(logits[next])-log)
	return nil
}

// take notes one token: the divergence of its predictions, whether both think the same most likely,
// and the logarithms of the probabilities that they give to the text's own token.
func (d *comparison) take(kld float64, same bool, p, q float64) {
	kld = max(0, kld)
	d.klds = append(d.klds, kld)
	d.sum += kld
	if same {
		d.same++
	}
	d.truthNLL -= p
	d.nll -= q
	delta := detmath.Exp64(q) - detmath.Exp64(p)
	d.squares += float64(delta * delta)
}

// result sums the windows up, of which there was one at least.
func (d *comparison) result() *DivergenceResult {
	n := float64(len(d.klds))
	klds := slices.Sorted(slices.Values(d.klds))
	at := func(share float64) float64 { return klds[int(share*(n-1))] }
	r := &DivergenceResult{
		MeanKLD: d.sum / n, MedianKLD: at(0.5), P99KLD: at(0.99), P999KLD: at(0.999), MaxKLD: at(1),
		Perplexity: detmath.Exp64(d.nll / n), ReferencePerplexity: detmath.Exp64(d.truthNLL / n),
		SameTop: float64(d.same) / n, RMSDeltaP: math.Sqrt(d.squares / n), Tokens: len(d.klds),
	}
	r.DeltaPerplexity = r.Perplexity - r.ReferencePerplexity
	return r
}
