package server

import (
	"cmp"
	"io"
	"net/http"
	"unicode/utf8"

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
		Pieces  bool    `json:"with_pieces"`
	}
	m, release := s.simple(w, r, func(body []byte) (*string, *openai.Error) { refused := members(&q, body); return q.Model, refused })
	if m == nil {
		return
	}
	defer release()
	ids, err := generate.Encode(r.Context(), m.batch.Tokenizer, q.Content, q.Special)
	if err != nil {
		refuse(w, failure(err, "content"))
		return
	}
	if q.Pieces {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		if m.writePieces(w, ids) != nil {
			gone()
		}
		return
	}
	answer(w, http.StatusOK, map[string]any{"tokens": append([]int{}, ids...)})
}

// tokenPiece is a token and what it writes: a text, or its bytes where they are none.
type tokenPiece struct {
	ID    int `json:"id"`
	Piece any `json:"piece"`
}

// writePieces writes tokens one after the other: a list of all would take many times the text's memory.
func (m *Model) writePieces(w io.Writer, ids []int) error {
	before := `{"tokens":[`
	for _, id := range ids {
		text := m.batch.Tokenizer.AppendBytes(nil, id)
		p := tokenPiece{id, string(text)}
		if !utf8.Valid(text) {
			bytes := make([]int, len(text))
			for i, b := range text {
				bytes[i] = int(b)
			}
			p.Piece = bytes
		}
		if _, err := io.WriteString(w, before); err != nil {
			return err
		}
		if err := encode(w, p); err != nil {
			return err
		}
		before = ","
	}
	if len(ids) > 0 {
		before = ""
	}
	_, err := io.WriteString(w, before+"]}")
	return err
}

// detokenize answers with the text of tokens.
func (s *Server) detokenize(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model  *string `json:"model"`
		Tokens []int   `json:"tokens"`
	}
	m, release := s.simple(w, r, func(body []byte) (*string, *openai.Error) { refused := members(&q, body); return q.Model, refused })
	if m == nil {
		return
	}
	defer release()
	t := m.batch.Tokenizer
	for _, id := range q.Tokens {
		if id < 0 || id >= t.VocabSize() {
			refuse(w, openai.Invalid("tokens", openai.CodeInvalid, "tokens: %d of a vocabulary of %d", id, t.VocabSize()))
			return
		}
	}
	answer(w, http.StatusOK, map[string]any{"content": t.Decode(q.Tokens)})
}

// applyTemplate answers with the text that the model's chat template makes of a request for a chat.
func (s *Server) applyTemplate(w http.ResponseWriter, r *http.Request) {
	var q *openai.Request
	m, release := s.simple(w, r, func(body []byte) (*string, *openai.Error) {
		var refused *openai.Error
		if q, refused = openai.ParseConversation(body); refused != nil || q.Model == "" {
			return nil, refused
		}
		return &q.Model, nil
	})
	if m == nil {
		return
	}
	defer release()
	request, refused := m.conversation(q)
	if refused != nil {
		refuse(w, refused)
		return
	}
	text, err := m.promptsNow().RenderRequest(r.Context(), request)
	if err != nil {
		refuse(w, failure(err, "messages"))
		return
	}
	answer(w, http.StatusOK, map[string]any{"prompt": text})
}

// members reads a body into q, whose other members do not matter.
func members(q any, body []byte) *openai.Error {
	if err := strictjson.UnmarshalOpen(body, q, nil); err != nil {
		return openai.Invalid("", "", "the body is not the JSON expected: %v", err)
	}
	return nil
}

// simpleCost is what a byte of a request's body comes to, its text, tokens and the JSON of these.
const simpleCost = 24

// simple reads a body, finds the model that it names, the first one where that is nil, and takes room for what becomes of the body: call release when that
// is answered. The model is nil where the request is answered already.
func (s *Server) simple(w http.ResponseWriter, r *http.Request, read func(body []byte) (name *string, refused *openai.Error)) (m *Model, release func()) {
	body, refused := s.body(w, r, s.longest)
	wanted := s.library.Names()[0]
	if refused == nil {
		defer body.done()
		busy := s.parsing(r.Context(), body, func(text []byte) {
			var name *string
			if name, refused = read(text); name != nil {
				wanted = *name
			}
		})
		refused = cmp.Or(busy, refused)
	}
	if refused == nil {
		m, refused = s.use(r, wanted, body.park)
	}
	if refused == nil {
		release, refused = s.hold(r.Context(), m, body, min(simpleCost*int64(len(body.text)), s.mostHeld))
	}
	if refused != nil {
		refuse(w, refused)
		return nil, nil
	}
	return m, release
}
