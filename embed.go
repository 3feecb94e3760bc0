package helix

import (
	"context"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// EmbedOptions say what an embedding is.
type EmbedOptions struct {
	// Raw leaves the vector as it is before a normalization in the end; else it is of length 1 where the model's files say
	// so, or say nothing, so that the product of two embeddings is their cosine.
	Raw bool
	// Prompt is the name of a prompt that the model wants before texts of some kind, such as "query" or "document"; "" is the one
	// that its files say, most often none.
	Prompt string
}

// Embed returns a text's embedding, as the model's files say (modules.json of sentence-transformers: package embedding). Of a
// model without them it is the mean of all states for an encoder, and for others the state of the last token after the
// model's last norm, of length 1. A text that is longer than an embedding model is made for is cut there.
//
// Errors are those of Generate, ErrModule and ErrPromptName.
func (m *Model) Embed(ctx context.Context, text string, o EmbedOptions) (vector []float32, err error) {
	err = m.use(ctx, func(ctx context.Context) error {
		t, err := m.embedder.Encode(ctx, text, o.Prompt)
		if err != nil {
			return err
		}
		s, _, err := m.pool.Acquire(ctx, t.IDs)
		if err != nil {
			return err
		}
		defer m.pool.Release(s)
		vectors, err := m.embedder.Vectors(ctx, m.model, []*transformer.Session{s}, []generate.EmbedText{t}, o.Raw)
		if err == nil {
			vector = vectors[0]
		}
		return err
	})
	return vector, err
}
