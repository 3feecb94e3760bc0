package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// embeddings answers with each text's vector, as the model's files say.
func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	body, m, refused := s.receive(w, r)
	if refused != nil {
		refuse(w, refused)
		return
	}
	var q *openai.Embeddings
	prompts := []generate.EmbedText{}
	busy := s.parsing(r.Context(), body, func() {
		if q, refused = openai.ParseEmbeddings(body); refused != nil {
			return
		}
		if m == nil || m.Name != q.Model {
			refused = unknownModel(q.Model)
			return
		}
		for _, ids := range q.IDs {
			prompts = append(prompts, generate.EmbedText{IDs: ids})
		}
		for _, text := range q.Texts {
			t, err := m.embedText(r.Context(), text)
			if err != nil {
				refused = failure(err, "input")
				return
			}
			prompts = append(prompts, t)
		}
	})
	if refused = cmp.Or(busy, refused); refused != nil {
		refuse(w, refused)
		return
	}
	list := &openai.EmbeddingList{Object: "list", Model: m.Name, Data: []openai.Embedding{}}
	for i, t := range prompts {
		vector, err := m.scheduler.Embed(r.Context(), m.embedder, t, s.client(r))
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler)
		}
		if err != nil {
			refuse(w, failure(err, "input"))
			return
		}
		e := openai.Embedding{Object: "embedding", Index: i, Embedding: vector}
		if q.Base64 {
			e.Embedding = base64Of(vector)
		}
		list.Data = append(list.Data, e)
		list.Usage.Prompt += len(t.IDs)
		list.Usage.Total += len(t.IDs)
	}
	answer(w, http.StatusOK, list)
}

// embedText returns a text as it is embedded. Errors are those of generate.Embedder.Encode, and transformer.ErrContext for one of more
// bytes than any text of as many tokens as the context.
func (m *Model) embedText(ctx context.Context, text string) (generate.EmbedText, error) {
	if err := m.prompts.Fits(text); err != nil {
		return generate.EmbedText{}, err
	}
	return m.embedder.Encode(ctx, text, "")
}

// base64Of is how clients prefer to get a vector: its float32 in little-endian order.
func base64Of(vector []float32) string {
	bytes := make([]byte, 0, 4*len(vector))
	for _, v := range vector {
		bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(bytes)
}
