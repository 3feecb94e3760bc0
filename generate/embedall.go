package generate

import (
	"context"
	"errors"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// EmbedAll calls visit with the vector of each text, in their order: as many texts as the model was opened for sequences go through its
// weights together, and each vector has the bits that it has alone. Vectors are visit's to keep. Errors are those of Encode and
// Vectors, visit's and the context's.
func (e *Embedder) EmbedAll(ctx context.Context, m *transformer.Model, texts []string, prompt string, visit func(i int, t EmbedText, vector []float32) error) (err error) {
	var sessions []*transformer.Session
	defer func() {
		for _, s := range sessions {
			err = errors.Join(err, s.Close())
		}
	}()
	for range min(len(texts), m.Plan.Sequences) {
		s, err := m.NewSession()
		if err != nil {
			return err
		}
		sessions = append(sessions, s)
	}
	for at := 0; at < len(texts); at += len(sessions) {
		part := texts[at:min(at+len(sessions), len(texts))]
		list := make([]EmbedText, len(part))
		for i, text := range part {
			if list[i], err = e.Encode(ctx, text, prompt); err != nil {
				return err
			}
			sessions[i].Reset(0)
		}
		vectors, err := e.Vectors(ctx, m, sessions[:len(part)], list, false)
		if err != nil {
			return err
		}
		for i, v := range vectors {
			if err := visit(at+i, list[i], v); err != nil {
				return err
			}
		}
	}
	return nil
}
