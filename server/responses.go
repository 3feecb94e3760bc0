package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// respond answers requests for responses.
func (s *Server) respond(w http.ResponseWriter, r *http.Request) {
	body, m, refused := s.receive(w, r, s.longest)
	if refused != nil {
		refuse(w, refused)
		return
	}
	defer body.done()
	var request *openai.ResponseRequest
	var messages []openai.Message // of the conversation
	q := s.ask(r, "input")
	busy := s.parsing(r.Context(), body, func(text []byte) {
		if request, refused = openai.ParseResponse(text); refused != nil {
			return
		}
		q.Request = request.Request
		if messages, refused = s.continued(request); refused != nil {
			return
		}
		if request.Instructions != "" {
			q.Messages = append([]openai.Message{{Role: "system", Content: request.Instructions}}, messages...)
		} else {
			q.Messages = messages
		}
		refused = q.prepare(r.Context(), m)
	})
	body.done()
	if refused = cmp.Or(busy, refused); refused != nil {
		refuse(w, refused)
		return
	}
	defer q.release()
	response := &openai.Response{
		ID: "resp_" + q.id, Object: "response", CreatedAt: q.created, Status: openai.StatusInProgress, Model: q.model.Name,
		Output: []openai.OutputItem{}, ResponseSettings: request.Settings,
	}
	s.response(w, r.Context(), q, response, func() {
		if request.Store {
			s.responses.keep(response, append(messages, response.Message()))
		}
	})
}

// continued returns the messages of a request and of all responses that it goes on from.
func (s *Server) continued(r *openai.ResponseRequest) ([]openai.Message, *openai.Error) {
	if r.Previous == "" {
		return r.Messages, nil
	}
	before, ok := s.responses.messages(r.Previous)
	if !ok {
		return nil, openai.Invalid("previous_response_id", "previous_response_not_found", "previous_response_id: there is no response %.60q; it was not stored, was deleted, or had to make room", r.Previous)
	}
	return slices.Concat(before, r.Messages), nil
}

// response has a response made, and answers with it, or with events as it is made. One that ends is kept before the client knows.
func (s *Server) response(w http.ResponseWriter, ctx context.Context, q *asked, response *openai.Response, keep func()) {
	out := &events{w: w, control: http.NewResponseController(w)}
	writer := &responseWriter{response: response, id: q.id, chances: q.responseLogProbs}
	if q.Stream {
		writer.send = func(e openai.ResponseEvent) error { return out.sendNamed(e.Type, e) }
	}
	end, err := s.say(ctx, q, 0, writer.add)
	if err == nil && end.Stop != generate.StopCancel {
		if err = writer.end(end.reason, openai.ResponseUsage{Input: len(q.prompt), InputDetails: openai.PromptDetails{Cached: end.Kept}, Output: len(end.OutputIDs)}); err == nil {
			keep()
			err = writer.ended()
		}
	}
	w.Header().Set(ReceiptHeader, strings.Join(q.receipts, ",")) // streamed, in the trailer
	failed := out.failed(ctx, err, q.field, refuse, func(e *openai.Error) error {
		writer.fail(e)
		return writer.ended()
	})
	if !failed && !q.Stream {
		answer(w, http.StatusOK, response)
	}
}

// responseLogProbs are the chances of an event's tokens; nil if they were not asked for.
func (q *asked) responseLogProbs(e said) []openai.TokenLogProb {
	if chances, ok := q.logProbs(e.chances, 0).(*openai.ChatLogProbs); ok {
		return chances.Content
	}
	return nil
}

// storedResponse answers with a response that is kept.
func (s *Server) storedResponse(w http.ResponseWriter, r *http.Request) {
	response, ok := s.responses.response(r.PathValue("id"))
	if !ok {
		refuse(w, noResponse(r))
		return
	}
	if r.URL.Query().Get("stream") == "true" {
		refuse(w, openai.Invalid("stream", openai.CodeUnsupported, "stream: responses that have ended are not told again as events"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(response)
}

// deleteResponse forgets a response.
func (s *Server) deleteResponse(w http.ResponseWriter, r *http.Request) {
	if !s.responses.remove(r.PathValue("id")) {
		refuse(w, noResponse(r))
		return
	}
	answer(w, http.StatusOK, map[string]any{"id": r.PathValue("id"), "object": "response", "deleted": true})
}

func noResponse(r *http.Request) *openai.Error {
	return notFound("there is no response %.60q; it was not stored, was deleted, or had to make room", r.PathValue("id"))
}
