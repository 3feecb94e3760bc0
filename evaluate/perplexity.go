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
	r := &PerplexityResult{Windows: list.count()}
	var sum, squares float64
	for i := range list.count() {
		err := eachScored(ctx, s, list.at(i), func(next int, logits []float32) error {
			nll := logSumExp(logits) - float64(logits[next])
			if math.IsNaN(nll) || math.IsInf(nll, 0) {
				return fmt.Errorf("window %d: %w", i, ErrLogits)
			}
			sum += nll
			squares += float64(nll * nll)
			r.Tokens++
			return nil
		})
		if err != nil {
			return nil, err
		}
		if progress != nil {
			progress(i+1, list.count(), detmath.Exp64(sum/float64(r.Tokens)))
		}
	}
	n := float64(r.Tokens)
	r.NLL = sum / n
	r.Perplexity = detmath.Exp64(r.NLL)
	if r.Tokens > 1 {
		r.StdErr = math.Sqrt(max(0, squares/n-float64(r.NLL*r.NLL))/(n-1)) * r.Perplexity
	}
	return r, nil
}
