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
	comparer := NewComparer(sessions, reference, vocab)
	sums := make([]divergenceSum, len(sessions))
	for i := range list.count() {
		differences, err := comparer.Window(ctx, list.at(i))
		if err != nil {
			return nil, err
		}
		for k := range sums {
			sums[k].add(differences[k])
		}
		if progress != nil && len(sums) > 0 {
			progress(i+1, list.count(), sums[0].mean())
		}
	}
	results := make([]*DivergenceResult, len(sessions))
	for k := range sums {
		results[k] = sums[k].result()
	}
	return results, nil
}

// Difference is how a model's predictions of one token differ from a reference's.
type Difference struct {
	KLD     float64 `json:"kld"` // Σ p·ln(p/q), nats
	SameTop bool    `json:"same_top"`
	P       float64 `json:"p"` // ln of the probability that the reference gives to the text's own token
	Q       float64 `json:"q"` // and the model
}

// Comparer compares models with a reference, window by window. It is for one goroutine.
type Comparer struct {
	sessions  []*transformer.Session
	reference *transformer.Session
	vocab     int
	truth     []prediction // the reference's, of a stride
}

// NewComparer compares the models of sessions, which the caller closes, with the reference's. All have so many tokens in their vocabularies.
func NewComparer(sessions []*transformer.Session, reference *transformer.Session, vocab int) *Comparer {
	return &Comparer{sessions, reference, vocab, newPredictions(stride, vocab)}
}

// Window gives a window of tokens to all, from its beginning, and returns, for each model in order, the differences in what is predicted of
// the scored tokens. Errors are those of [Divergence].
func (c *Comparer) Window(ctx context.Context, window []int) ([][]Difference, error) {
	c.reference.Reset(0)
	all := make([][]Difference, len(c.sessions))
	for k, s := range c.sessions {
		s.Reset(0)
		all[k] = make([]Difference, 0, Scored(len(window)))
	}
	for at := 0; at < len(window)-1; at += stride {
		part, first := window[at:min(at+stride, len(window)-1)], max(0, len(window)/2-at)
		if err := c.ask(ctx, part, first); err != nil {
			return nil, err
		}
		for k, s := range c.sessions {
			var err error
			if all[k], err = c.judge(ctx, all[k], s, part, window[at+1:], first); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// DivergenceOf sums up tokens, of which there is one at least: those of all windows of a text, in order, are [Divergence] to the bit.
func DivergenceOf(windows [][]Difference) *DivergenceResult {
	var sum divergenceSum
	for _, list := range windows {
		sum.add(list)
	}
	return sum.result()
}

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
func (c *Comparer) ask(ctx context.Context, ids []int, first int) error {
	err := c.reference.Forward(ctx, ids, first, func(i int, logits []float32) error {
		if len(logits) != c.vocab {
			return fmt.Errorf("%d tokens, not %d: %w", len(logits), c.vocab, ErrVocabulary)
		}
		return c.truth[i].set(logits)
	})
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	return nil
}

// judge runs the same tokens through a model and appends how its logits differ; next are the tokens that
// follow each.
func (c *Comparer) judge(ctx context.Context, list []Difference, s *transformer.Session, ids, next []int, first int) ([]Difference, error) {
	err := s.Forward(ctx, ids, first, func(i int, logits []float32) error {
		if len(logits) != c.vocab {
			return fmt.Errorf("%d tokens, not %d: %w", len(logits), c.vocab, ErrVocabulary)
		}
		if err := check(next[i], logits); err != nil {
			return err
		}
		d, err := c.truth[i].differ(logits, next[i])
		list = append(list, d)
		return err
	})
	return list, err
}

// differ compares a model's predictions of the token next with the reference's.
func (p *prediction) differ(logits []float32, next int) (Difference, error) {
	log := logSumExp(logits)
	if math.IsNaN(log) || math.IsInf(log, 0) {
		return Difference{}, ErrLogits
	}
	kld, top := 0.0, 0
	for i, share := range p.shares {
		a, b := float64(p.logits[i])-p.log, float64(logits[i])-log
		kld += float64(share * (a - b))
		if logits[i] > logits[top] {
			top = i
		}
	}
	return Difference{max(0, kld), p.top == top, float64(p.logits[next]) - p.log, float64(logits[next]) - log}, nil
}

// divergenceSum sums differences up, token by token.
type divergenceSum struct {
	klds          []float64
	sum           float64
	nll, truthNLL float64
	same          int
	squares       float64
}

func (d *divergenceSum) add(list []Difference) {
	for _, t := range list {
		d.klds = append(d.klds, t.KLD)
		d.sum += t.KLD
		if t.SameTop {
			d.same++
		}
		d.truthNLL -= t.P
		d.nll -= t.Q
		delta := detmath.Exp64(t.Q) - detmath.Exp64(t.P)
		d.squares += float64(delta * delta)
	}
}

// mean is the mean divergence so far, in nats a token.
func (d *divergenceSum) mean() float64 { return d.sum / float64(max(1, len(d.klds))) }

// result sums the windows up, of which there was one at least.
func (d *divergenceSum) result() *DivergenceResult {
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
