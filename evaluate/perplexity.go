package evaluate

import (
	"context"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// PerplexityResult is a model's perplexity on a text.
type PerplexityResult struct {
	Perplexity float64 `json:"perplexity"`
	NLL        float64 `json:"nats_per_token"`
	StdErr     float64 `json:"perplexity_std_error"`
	Tokens     int     `json:"tokens_scored"`
	Windows    int     `json:"windows"`
}

// Perplexity scores ids in windows of c tokens; bos, unless negative, begins each.
// progress, if not nil, is called after each window. Errors are ErrText, transformer.ErrOption
// for windows of less than 4 tokens, ErrLogits and those of transformer.Session.Forward. The
// session begins anew.
func Perplexity(ctx context.Context, s *transformer.Session, ids []int, c, bos int, progress func(done, total int, perplexity float64)) (*PerplexityResult, error) {
	list, err := newWindows(ids, c, bos)
	if err != nil {
		return nil, err
	}
	var sum natsSum
	for i := range list.count() {
		nats, err := Nats(ctx, s, list.at(i))
		if err != nil {
			return nil, fmt.Errorf("window %d: %w", i, err)
		}
		sum.add(nats)
		if progress != nil {
			progress(i+1, list.count(), detmath.Exp64(sum.mean()))
		}
	}
	return sum.result(), nil
}

// Nats returns what a model pays for each scored token of a window of 4 at least, −ln of the probability that it gives it. The session begins
// anew. Errors are ErrLogits and those of transformer.Session.Forward.
func Nats(ctx context.Context, s *transformer.Session, window []int) ([]float64, error) {
	nats := make([]float64, 0, Scored(len(window)))
	err := eachScored(ctx, s, window, func(next int, logits []float32) error {
		nll := logSumExp(logits) - float64(logits[next])
		if math.IsNaN(nll) || math.IsInf(nll, 0) {
			return ErrLogits
		}
		nats = append(nats, nll)
		return nil
	})
	return nats, err
}

// PerplexityOf sums up windows of which each has what [Nats] returns: that of all of a text's, in order, is [Perplexity]
// to the bit.
func PerplexityOf(windows [][]float64) *PerplexityResult {
	var sum natsSum
	for _, nats := range windows {
		sum.add(nats)
	}
	return sum.result()
}

// natsSum sums windows up.
type natsSum struct {
	sum, squares    float64
	tokens, windows int
}

func (s *natsSum) add(nats []float64) {
	for _, nll := range nats {
		s.sum += nll
		s.squares += float64(nll * nll)
	}
	s.tokens += len(nats)
	s.windows++
}

func (s *natsSum) mean() float64 { return s.sum / float64(s.tokens) }

func (s *natsSum) result() *PerplexityResult {
	n, nll := float64(s.tokens), s.mean()
	r := &PerplexityResult{Perplexity: detmath.Exp64(nll), NLL: nll, Tokens: s.tokens, Windows: s.windows}
	if s.tokens > 1 {
		r.StdErr = math.Sqrt(max(0, s.squares/n-float64(nll*nll))/(n-1)) * r.Perplexity
	}
	return r
}
