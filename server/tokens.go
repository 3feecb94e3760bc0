package server

import (
	"cmp"
	"net/http"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// The requests that llama.cpp's server has for texts and tokens.

// tokenize answers with a text's tokens.
func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model   *string `json:"model"`
		Content string  `json:"content"`
		Special bool    `json:"add_special"`
	}
	m, ok := s.simple(w, r, &q, func() *string { return q.Model })
	if !ok {
		return
	}
	ids, err := generate.Encode(r.Context(), m.batch.Tokenizer, q.Content, q.Special)
	if err != nil {
		refuse(w, failure(err, "content"))
		return
	}
	answer(w, http.StatusOK, map[string]any{"tokens": append([]int{}, ids...)})
}

// detokenize answers with the text of tokens.
func (s *Server) detokenize(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model  *string `json:"model"`
		Tokens []int   `json:"tokens"`
	}
	m, ok := s.simple(w, r, &q, func() *string { return q.Model })
	if !ok {
		return
	}
	t := m.batch.Tokenizer
	for _, id := range q.Tokens {
		if id < 0 || id >= t.VocabSize() {
			refuse(w, openai.Invalid("tokens", openai.CodeInvalid, "tokens: %d of a vocabulary of %d", id, t.VocabSize()))
			return
		}
	}
	answer(w, http.StatusOK, map[string]any{"content": t.Decode(q.Tokens)})
}

// applyTemplate answers with the text that the model's chat template makes of messages.
func (s *Server) applyTemplate(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model    *string            `json:"model"`
		Messages []generate.Message `json:"messages"`
	}
	m, ok := s.simple(w, r, &q, func() *string { return q.Model })
	if !ok {
		return
	}
	text, err := m.promptsNow().Render(r.Context(), q.Messages)
	if err != nil {
		refuse(w, failure(err, "messages"))
		return
	}
	answer(w, http.StatusOK, map[string]any{"prompt": text})
}

// simple reads a body into q, whose other members do not matter, and finds its model: the first one where it names none.
func (s *Server) simple(w http.ResponseWriter, r *http.Request, q any, name func() *string) (*Model, bool) {
	body, refused := s.body(w, r, s.longest)
	var m *Model
	if refused == nil {
		busy := s.parsing(r.Context(), body, func() {
			if err := strictjson.UnmarshalOpen(body, q, nil); err != nil {
				refused = openai.Invalid("", "", "the body is not the JSON expected: %v", err)
			}
		})
		refused = cmp.Or(busy, refused)
	}
	if refused == nil {
		wanted := s.library.Names()[0]
		if name() != nil {
			wanted = *name()
		}
		m, refused = s.use(r.Context(), wanted)
	}
	if refused != nil {
		refuse(w, refused)
		return nil, false
	}
	return m, true
}
