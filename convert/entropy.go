package convert

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// entropyMemory is about what measuring one matrix takes: a Gram matrix of 1024² in
// float64 with its workers' sums, or the vectors of a sample; and chunks of rows.
const entropyMemory = 48 << 20

// policy is what decides where matrices are computed.
func (c *conversion) policy() route.Policy {
	if c.job.Policy != nil {
		return *c.job.Policy
	}
	return route.DefaultPolicy()
}

// measured tells conversions apart that measure Structural Entropy differently.
func (c *conversion) measured() string {
	if !c.job.Entropy {
		return ""
	}
	return fmt.Sprintf("%+v", c.policy())
}

// entropy measures a matrix of the source; nil for what is none.
func (c *conversion) entropy(ctx context.Context, t *plannedTensor) (*model.Entropy, error) {
	if len(t.Shape) < 2 || t.Len() == 0 || !t.IsFloat() {
		return nil, nil
	}
	rows, cols := se.Unfold(t.Shape)
	policy := c.policy()
	r, err := se.Compute(ctx, matrix.Of(t, rows, cols), se.Options{
		Condition: policy.MaxCondition, ItemBytes: float64(t.Size) / float64(t.Len()), Threads: c.threadsEach(),
	})
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return &model.Entropy{Result: *r, Decision: policy.Decide(r)}, nil
}
