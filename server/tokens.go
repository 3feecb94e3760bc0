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
		Content string `json:"content"`
		Special bool   `json:"add_special"`
		Pieces  bool   `json:"with_pieces"`
	}
	s.simple(w, r, func(m *Model, body []byte) (reply func(), refused *openai.Error) {
		if refused := members(&q, body); refused != nil {
			return nil, refused
		}
		ids, err := generate.Encode(r.Context(), m.batch.Tokenizer, q.Content, q.Special)
		if err != nil {
			return nil, failure(err, "content")
		}
		if !q.Pieces {
			return func() { answer(w, http.StatusOK, map[string]any{"tokens": append([]int{}, ids...)}) }, nil
		}
		return func() {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
			if m.writePieces(s.holder(w), ids) != nil {
				gone()
			}
		}, nil
	})
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
		Tokens []int `json:"tokens"`
	}
	s.simple(w, r, func(m *Model, body []byte) (reply func(), refused *openai.Error) {
		if refused := members(&q, body); refused != nil {
			return nil, refused
		}
		t := m.batch.Tokenizer
		for _, id := range q.Tokens {
			if id < 0 || id >= t.VocabSize() {
				return nil, openai.Invalid("tokens", openai.CodeInvalid, "tokens: %d of a vocabulary of %d", id, t.VocabSize())
			}
		}
		text := t.Decode(q.Tokens)
		return func() { answer(w, http.StatusOK, map[string]any{"content": text}) }, nil
	})
}

// applyTemplate answers with the text that the model's chat template makes of a request for a chat.
func (s *Server) applyTemplate(w http.ResponseWriter, r *http.Request) {
	s.simple(w, r, func(m *Model, body []byte) (reply func(), refused *openai.Error) {
		q, refused := openai.ParseConversation(body)
		if refused != nil {
			return nil, refused
		}
		request, refused := m.conversation(q)
		if refused != nil {
			return nil, refused
		}
		text, err := m.promptsNow().RenderRequest(r.Context(), request)
		if err != nil {
			return nil, failure(err, "messages")
		}
		return func() { answer(w, http.StatusOK, map[string]any{"prompt": text}) }, nil
	})
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

// simple reads a body and opens the model that it names, the first one where it names none. Then it takes room for what becomes of the body, and when there is
// memory for making it, has do make it, and replies.
func (s *Server) simple(w http.ResponseWriter, r *http.Request, do func(m *Model, body []byte) (reply func(), refused *openai.Error)) {
	body, refused := s.body(w, r, s.longest)
	if refused != nil {
		refuse(w, refused)
		return
	}
	defer body.done()
	var reply func()
	m, refused := s.use(r, cmp.Or(named(body.text), s.library.Names()[0]), body.park)
	if refused == nil {
		var release func()
		if release, refused = s.hold(r.Context(), m, body, min(simpleCost*int64(len(body.text)), s.mostHeld)); refused == nil {
			defer release()
		}
	}
	if refused == nil {
		busy := s.parsing(r.Context(), body, func(text []byte) { reply, refused = do(m, text) })
		refused = cmp.Or(busy, refused)
	}
	if refused != nil {
		refuse(w, refused)
		return
	}
	body.done()
	reply()
}
