package helix

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// EmbedOptions say what an embedding is.
type EmbedOptions struct {
	// Raw leaves the vector as it is; else it is divided by its L2 norm, so that the
	// product of two embeddings is their cosine.
	Raw bool
}

// Embed returns a text's embedding: the state of its last token after the model's last norm,
// which is what the output head sees, [hidden] float32. The text is tokenized as Generate
// does it. Models trained for embeddings take the last token's state too, or say otherwise
// on their card; of any other model it is as good as its summary of the text so far.
//
// Errors are those of Generate.
func (m *Model) Embed(ctx context.Context, text string, o EmbedOptions) (vector []float32, err error) {
	err = m.use(ctx, func(ctx context.Context) error {
		ids, err := generate.Encode(ctx, m.tokenizer, text, true)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return fmt.Errorf("embed: %w", generate.ErrPrompt)
		}
		s, kept, err := m.pool.Acquire(ctx, ids)
		if err != nil {
			return err
		}
		defer m.pool.Release(s)
		return m.model.Forward(ctx, []transformer.Step{{
			Session: s, IDs: ids[kept:], First: len(ids) - kept - 1,
			Hidden: func(_ int, state []float32) error {
				vector = slices.Clone(state)
				return nil
			},
		}})
	})
	if err != nil {
		return nil, err
	}
	if !o.Raw {
		normalize(vector)
	}
	return vector, nil
}

// normalize divides a vector by its L2 norm; zero stays zero.
func normalize(x []float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	if sum == 0 {
		return
	}
	norm := math.Sqrt(sum)
	for i, v := range x {
		x[i] = float32(float64(v) / norm)
	}
}
