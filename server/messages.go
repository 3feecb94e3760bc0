package server

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/anthropic"
	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// messages answers requests of Anthropic's API for a message.
func (s *Server) messages(w http.ResponseWriter, r *http.Request) {
	q, refused := s.readMessages(w, r, false)
	if refused != nil {
		refuseMessage(w, refused)
		return
	}
	defer q.release()
	s.message(w, r.Context(), q)
}

// countTokens answers with how many tokens a request for a message has.
func (s *Server) countTokens(w http.ResponseWriter, r *http.Request) {
	q, refused := s.readMessages(w, r, true)
	if refused != nil {
		refuseMessage(w, refused)
		return
	}
	q.release()
	answer(w, http.StatusOK, map[string]int{"input_tokens": len(q.prompt)})
}

// readMessages reads a request for a message, or for the number of its tokens, and makes its prompt.
func (s *Server) readMessages(w http.ResponseWriter, r *http.Request, counted bool) (*asked, *openai.Error) {
	body, m, refused := s.receive(w, r, s.longest)
	if refused != nil {
		return nil, refused
	}
	defer body.done()
	q := s.ask(r, "messages")
	busy := s.parsing(r.Context(), body, func(text []byte) {
		if q.Request, refused = anthropic.Parse(text, counted); refused == nil {
			refused = q.prepare(r.Context(), m)
		}
	})
	return q, cmp.Or(busy, refused)
}

// message has a message made, and answers with it, or with events as it is made.
func (s *Server) message(w http.ResponseWriter, ctx context.Context, q *asked) {
	out := &events{w: w, control: http.NewResponseController(w)}
	writer := &messageWriter{message: anthropic.NewMessage(q.id, q.model.Name, len(q.prompt))}
	if q.Stream {
		writer.send = func(e anthropic.Event) error { return out.sendNamed(e.Type, e) }
	}
	end, err := s.say(ctx, q, 0, writer.add)
	if err == nil && end.Stop != generate.StopCancel {
		err = writer.end(end)
	}
	w.Header().Set(ReceiptHeader, strings.Join(q.receipts, ",")) // streamed, in the trailer
	failed := out.failed(ctx, err, q.field, refuseMessage, func(e *openai.Error) error {
		_, body := anthropic.NewError(e)
		return out.sendNamed(body.Type, body)
	})
	if !failed && !q.Stream {
		answer(w, http.StatusOK, writer.message)
	}
}

// refuseMessage answers with an error in the form of Anthropic's API.
func refuseMessage(w http.ResponseWriter, e *openai.Error) {
	status, body := anthropic.NewError(e)
	if status != e.Status {
		w.Header().Set("Retry-After", "1")
	}
	answer(w, status, body)
}
