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

// embeddings answers with the state of each text's last token, of length 1.
func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	body, m, refused := s.receive(w, r)
	if refused != nil {
		refuse(w, refused)
		return
	}
	var q *openai.Embeddings
	prompts := [][]int{}
	busy := s.parsing(r.Context(), body, func() {
		if q, refused = openai.ParseEmbeddings(body); refused != nil {
			return
		}
		if m == nil || m.Name != q.Model {
			refused = unknownModel(q.Model)
			return
		}
		prompts = q.IDs
		for _, text := range q.Texts {
			ids, err := m.prompts.Text(r.Context(), text)
			if err != nil {
				refused = failure(err, "input")
				return
			}
			prompts = append(prompts, ids)
		}
	})
	if refused = cmp.Or(busy, refused); refused != nil {
		refuse(w, refused)
		return
	}
	list := &openai.EmbeddingList{Object: "list", Model: m.Name, Data: []openai.Embedding{}}
	for i, ids := range prompts {
		vector, err := m.embed(r.Context(), s.client(r), ids)
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
		list.Usage.Prompt += len(ids)
		list.Usage.Total += len(ids)
	}
	answer(w, http.StatusOK, list)
}

// embed returns a text's vector, of length 1.
func (m *Model) embed(ctx context.Context, client string, ids []int) ([]float32, error) {
	vector, err := m.scheduler.Embed(ctx, &generate.Request{Prompt: ids, Client: client})
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for _, v := range vector {
		sum += float64(float64(v) * float64(v))
	}
	if norm := math.Sqrt(sum); norm > 0 {
		for i, v := range vector {
			vector[i] = float32(float64(v) / norm)
		}
	}
	return vector, nil
}

// base64Of is how clients prefer to get a vector: its float32 in little-endian order.
func base64Of(vector []float32) string {
	bytes := make([]byte, 0, 4*len(vector))
	for _, v := range vector {
		bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(bytes)
}
