package generate

import (
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// LogProb is the chance of a token that was drawn, as the model saw it: before penalties, temperature
// and whatever else the sampler does.
type LogProb struct {
	ID      int
	LogProb float64 // natural
	Top     []Chance
}

// Chance is a token that might have been drawn in the same place; the likeliest comes first.
type Chance struct {
	ID      int
	LogProb float64
}

// chances are those of the tokens drawn in a step.
type chances struct {
	top    int
	logits [][]float32 // of each, until its token is taken
	heap   []candidate
}

// note takes note of what the i-th token of a step is drawn from. It copies the logits: which token it will
// be is not known yet.
func (c *chances) note(i int, logits []float32) {
	if i == len(c.logits) {
		c.logits = append(c.logits, nil)
	}
	c.logits[i] = append(c.logits[i][:0], logits...)
}

// of returns the chance of the i-th token of a step.
func (c *chances) of(i, id int) []LogProb {
	if c == nil {
		return nil
	}
	logits := c.logits[i]
	most := slices.Max(logits)
	sum := 0.0
	for _, v := range logits {
		sum += float64(detmath.Exp(v - most))
	}
	whole := float64(most) + math.Ln2*detmath.Log2(sum)
	p := LogProb{ID: id, LogProb: float64(logits[id]) - whole}
	if c.top > 0 {
		c.heap = likeliest(c.heap, logits, c.top)
		slices.SortFunc(c.heap, byLogit)
		for _, t := range c.heap {
			p.Top = append(p.Top, Chance{int(t.id), float64(t.logit) - whole})
		}
	}
	return []LogProb{p}
}
