package server

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/toolcall"
)

// events writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), each a line of JSON. It is safe
// for concurrent use.
type events struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (e *events) send(v any) error { return e.sendNamed("", v) }

// sendNamed sends an event with a name, if that is not empty.
func (e *events) sendNamed(name string, v any) error {
	return e.write(func() error {
		if name != "" {
			if _, err := e.w.Write([]byte("event: " + name + "\n")); err != nil {
				return err
			}
		}
		if _, err := e.w.Write([]byte("data: ")); err != nil {
			return err
		}
		if err := encode(e.w, v); err != nil {
			return err
		}
		_, err := e.w.Write([]byte("\n"))
		return err
	})
}

// done says that nothing more comes.
func (e *events) done() error {
	return e.write(func() error {
		_, err := e.w.Write([]byte("data: [DONE]\n\n"))
		return err
	})
}

func (e *events) write(do func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", "text/event-stream")
		e.w.Header().Set("Cache-Control", "no-store")
		e.w.Header().Set("X-Accel-Buffering", "no") // nginx would hold pieces back
		e.w.Header().Set("Trailer", ReceiptHeader)
		e.w.WriteHeader(http.StatusOK)
	}
	if err := do(); err != nil {
		return err
	}
	return e.control.Flush()
}

// failed tells whether an answer came to nothing or to an end before its time, for an error in asking for the field or since nobody is
// there any more, which ends the handler. It answers with refuse, or, where something was sent, with tell's event.
func (e *events) failed(ctx context.Context, err error, field string, refuse func(http.ResponseWriter, *openai.Error), tell func(*openai.Error) error) bool {
	switch {
	case ctx.Err() != nil:
		gone()
	case err == nil:
		return false
	case !e.begun:
		refuse(e.w, failure(err, field))
	case tell(failure(err, field)) != nil:
		gone()
	}
	return true
}

// stream answers with pieces of the texts as they come. The first waits until there is one: what is wrong with the request
// is still an ordinary error.
func (s *Server) stream(w http.ResponseWriter, ctx context.Context, q *asked) {
	out := &events{w: w, control: http.NewResponseController(w)}
	fingerprint := s.fingerprint(q.model)
	chunk := func() *openai.Chunk {
		c := openai.NewChunk(q.Kind, q.id)
		c.Created, c.Model, c.Fingerprint = q.created, q.model.Name, &fingerprint
		return c
	}
	tokens, kept := make([]int, q.N), 0 // of the answers, of the first's prompt
	var timings *openai.Timings         // of the only one
	err := q.each(ctx, func(ctx context.Context, i int) error {
		offset := 0
		begin := sync.OnceValue(func() error { // a piece of its own, as clients of the API expect
			if q.Kind != openai.ChatCompletions {
				return nil
			}
			c := chunk()
			c.Add(q.Kind, i, "", nil).Delta.Begin()
			return out.send(c)
		})
		end, err := s.say(ctx, q, i, func(e said) error {
			if err := begin(); err != nil {
				return err
			}
			if (e.Kind == toolcall.CallEnd || e.Kind == toolcall.CallFailed) && e.chances == nil {
				return nil
			}
			c := chunk()
			tell(c.Add(q.Kind, i, "", q.logProbs(e.chances, offset)), e)
			offset += utf8.RuneCountInString(e.Text)
			return out.send(c)
		})
		if err != nil || end.Stop == generate.StopCancel {
			return err
		}
		if err := begin(); err != nil {
			return err
		}
		tokens[i] = len(end.OutputIDs)
		if i == 0 {
			kept = end.Kept
		}
		c := chunk()
		last := c.Add(q.Kind, i, string(end.reason), nil)
		if q.Kind != openai.ChatCompletions {
			last.SetText("")
		}
		if c.Receipt = q.receipts[i]; q.N == 1 {
			timings = end.timings(q)
		}
		if !q.IncludeUsage {
			c.Timings = timings
		}
		return out.send(c)
	})
	if out.failed(ctx, err, q.field, refuse, func(e *openai.Error) error { return out.send(openai.ErrorBody{Error: e}) }) {
		return
	}
	if q.IncludeUsage {
		c := chunk()
		c.Timings = timings
		c.Usage = &openai.Usage{Prompt: len(q.prompt), PromptDetails: &openai.PromptDetails{Cached: kept}}
		for _, n := range tokens {
			c.Usage.Completion += n
		}
		c.Usage.Total = c.Usage.Prompt + c.Usage.Completion
		out.send(c)
	}
	out.done()
	w.Header().Set(ReceiptHeader, strings.Join(q.receipts, ","))
}

// tell says in a piece what is new.
func tell(c *openai.ChunkChoice, e said) {
	switch e.Kind {
	case toolcall.Text:
		c.SetText(e.Text)
	case toolcall.Reasoning:
		c.Delta.Reasoning = e.Text
	case toolcall.CallBegin:
		c.Delta.BeginCall(e.Index, e.id, e.Name)
	case toolcall.CallArguments:
		c.Delta.AddArguments(e.Index, e.Text)
	}
}
