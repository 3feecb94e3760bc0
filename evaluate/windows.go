package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrText reports a text too short for a window.
var ErrText = errors.New("text too short")

// ErrVocabulary reports two models that do not have the same vocabulary.
var ErrVocabulary = errors.New("another vocabulary")

// ErrLogits reports predictions that are no numbers.
var ErrLogits = errors.New("the model's predictions are not numbers")

// Windows cuts ids into windows of c tokens, each with bos first unless that is negative. The last tokens that fill no window are left
// out. Errors are ErrText, and transformer.ErrOption for windows of less than 4 tokens.
func Windows(ids []int, c, bos int) ([][]int, error) {
	w, err := newWindows(ids, c, bos)
	if err != nil {
		return nil, err
	}
	list := make([][]int, w.count())
	for i := range list {
		list[i] = slices.Clone(w.at(i))
	}
	return list, nil
}

// Scored is how many tokens of a window of c are scored: those of its second half.
func Scored(c int) int { return c - 1 - c/2 }

// windows are whole windows of c tokens, each with bos first unless it is negative.
// The last tokens that fill no window are left out.
type windows struct {
	ids    []int
	c, bos int
	window []int // the one at hand
}

func newWindows(ids []int, c, bos int) (*windows, error) {
	if c < 4 {
		return nil, fmt.Errorf("windows of %d tokens, at least 4 are needed: %w", c, transformer.ErrOption)
	}
	if len(ids) < c {
		return nil, fmt.Errorf("%d tokens do not fill a window of %d: %w", len(ids), c, ErrText)
	}
	return &windows{ids, c, bos, make([]int, c)}, nil
}

// count returns the number of windows.
func (w *windows) count() int { return len(w.ids) / w.c }

// at returns window i, valid until the next call.
func (w *windows) at(i int) []int {
	copy(w.window, w.ids[i*w.c:])
	if w.bos >= 0 {
		w.window[0] = w.bos
	}
	return w.window
}

// eachScored runs a window through a session, from its beginning, and visits the
// logits that predict each token of the second half.
func eachScored(ctx context.Context, s *transformer.Session, window []int, visit func(next int, logits []float32) error) error {
	s.Reset(0)
	first := len(window) / 2
	return s.Forward(ctx, window[:len(window)-1], first, func(i int, logits []float32) error {
		if err := check(window[i+1], logits); err != nil {
			return err
		}
		return visit(window[i+1], logits)
	})
}

// check refuses a token that logits do not predict. The last one of a window is not given to
// the model, which refuses the others.
func check(next int, logits []float32) error {
	if next < 0 || next >= len(logits) {
		return fmt.Errorf("token %d of a vocabulary of %d: %w", next, len(logits), transformer.ErrToken)
	}
	return nil
}

// logSumExp returns ln Σ e^x, summed in float64.
func logSumExp(logits []float32) float64 {
	most := logits[0]
	for _, v := range logits {
		most = max(most, v)
	}
	sum := 0.0
	for _, v := range logits {
		sum += float64(detmath.Exp(v - most))
	}
	return float64(most) + float64(detmath.Log2(sum)*math.Ln2)
}
