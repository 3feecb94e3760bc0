package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// embeddingBody is how many bytes a request for embeddings may have, which has many texts, whatever the context is.
const embeddingBody = 512 << 10

// embeddings answers with each text's vector, as the model's files say.
func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	body, m, refused := s.receive(w, r, max(s.longest, embeddingBody))
	if refused != nil {
		refuse(w, refused)
		return
	}
	defer body.done()
	var q *openai.Embeddings
	busy := s.parsing(r.Context(), body, func(text []byte) {
		if q, refused = openai.ParseEmbeddings(text); refused == nil && (m == nil || m.Name != q.Model) {
			refused = unknownModel(q.Model)
		}
	})
	if refused = cmp.Or(busy, refused); refused != nil {
		refuse(w, refused)
		return
	}
	if width := m.embedder.Width(); q.Length != 0 && width != 0 && q.Length != width {
		refuse(w, openai.Invalid("dimensions", openai.CodeUnsupported, "dimensions: the model's vectors have %d, and fewer are not supported", width))
		return
	}
	cost := m.embeddingCost(q, len(body.text))
	if cost > s.mostHeld {
		refuse(w, openai.Invalid("input", openai.CodeInvalid, "input: %d texts and their vectors take %d bytes, there are %d: send fewer at a time", q.Count(), cost, s.mostHeld))
		return
	}
	release, refused := s.hold(r.Context(), m, body, cost)
	if refused != nil {
		refuse(w, refused)
		return
	}
	defer release()
	var prompts []generate.EmbedText
	busy = s.parsing(r.Context(), body, func([]byte) { prompts, refused = m.embedTexts(r.Context(), q) })
	body.done()
	if refused = cmp.Or(busy, refused); refused != nil {
		refuse(w, refused)
		return
	}
	list := &openai.EmbeddingList{Model: m.Name}
	vectors := make([][]float32, len(prompts))
	for i, t := range prompts {
		var err error
		vectors[i], err = m.scheduler.Embed(r.Context(), m.embedder, t, s.client(r))
		if r.Context().Err() != nil {
			gone()
		}
		if err != nil {
			refuse(w, failure(err, "input"))
			return
		}
		list.Usage.Prompt += len(t.IDs)
		list.Usage.Total += len(t.IDs)
		prompts[i] = generate.EmbedText{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if writeEmbeddings(s.holder(w), list, vectors, q.Base64) != nil {
		gone()
	}
}

// embeddingCost is what a request takes of memory until it is answered: of its body's tokens, of which each has a byte, some that are put before a text, and vectors.
func (m *Model) embeddingCost(q *openai.Embeddings, body int) int64 {
	const before, idBytes, valueBytes = 64, 8, 4
	n := q.Count()
	return int64(min(body+before*n, m.Plan().Context*n))*idBytes + int64(m.embedder.Width()*n)*valueBytes
}

// embedTexts returns a request's texts as they are embedded, of which it keeps none.
func (m *Model) embedTexts(ctx context.Context, q *openai.Embeddings) ([]generate.EmbedText, *openai.Error) {
	list := make([]generate.EmbedText, 0, q.Count())
	for _, ids := range q.IDs {
		list = append(list, generate.EmbedText{IDs: ids})
	}
	for _, text := range q.Texts {
		t, err := m.embedText(ctx, text)
		if err != nil {
			return nil, failure(err, "input")
		}
		list = append(list, t)
	}
	q.IDs, q.Texts = nil, nil
	return list, nil
}

// embedText returns a text as it is embedded. Errors are those of generate.Embedder.Encode, and transformer.ErrContext for one of more
// bytes than any text of as many tokens as the context.
func (m *Model) embedText(ctx context.Context, text string) (generate.EmbedText, error) {
	if err := m.prompts.Fits(text); err != nil {
		return generate.EmbedText{}, err
	}
	return m.embedder.Encode(ctx, text, "")
}

// writeEmbeddings writes a list with vectors, one after the other: as JSON they take several times their memory.
func writeEmbeddings(w io.Writer, list *openai.EmbeddingList, vectors [][]float32, coded bool) error {
	begin, end, err := list.Around()
	if err != nil {
		return err
	}
	for i, vector := range vectors {
		e := openai.Embedding{Object: "embedding", Index: i, Embedding: vector}
		if coded {
			e.Embedding = base64Of(vector)
		}
		if _, err := io.WriteString(w, begin); err != nil {
			return err
		}
		if err := encode(w, e); err != nil {
			return err
		}
		begin = ","
	}
	if _, err := io.WriteString(w, end); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// base64Of is how clients prefer to get a vector: its float32 in little-endian order.
func base64Of(vector []float32) string {
	bytes := make([]byte, 0, 4*len(vector))
	for _, v := range vector {
		bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(bytes)
}
