package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/toolcall"
)

// said is what is new of an answer, whatever API it is told in. The chances of tokens come with the first event after them, or
// with an empty Text.
type said struct {
	toolcall.Event
	id      string             // of a CallBegin: what the call is known by
	chances []generate.LogProb // if they were asked for
}

// spoken is an answer that has ended.
type spoken struct {
	*generate.Result
	reason reason
}

// timings says how long it took.
func (e *spoken) timings(q *asked) *openai.Timings {
	return openai.NewTimings(e.Kept, len(q.prompt), len(e.OutputIDs), e.PromptTime, e.GenerateTime)
}

// reason is why an answer ended, in the words of chat completions.
type reason string

const (
	reasonStop   reason = "stop"
	reasonLength reason = "length"
	reasonCalls  reason = "tool_calls"
)

// openingBytes is how much of a prompt's end is kept: as much as shows that reasoning was begun there.
const openingBytes = 256

// offer takes the request's tools for what may be called, with an object.
func (q *asked) offer() *openai.Error {
	if !q.model.format.Calls() {
		return openai.Invalid("tools", openai.CodeUnsupported, "tools: it is not known how this model writes calls")
	}
	for i, t := range q.Tools {
		if t.Parameters != nil {
			if _, err := grammar.Objects(t.Parameters); err != nil {
				field := fmt.Sprintf("tools[%d].function.parameters", i)
				return openai.Invalid(field, openai.CodeInvalid, "%s: %v", field, err)
			}
		}
		q.tools = append(q.tools, toolcall.Function{Name: t.Name, Parameters: t.Parameters, Strict: t.Strict})
	}
	return nil
}

// shown are the special tokens that tell reasoning and calls from the text of a chat.
func (q *asked) shown() []int {
	if q.Kind != openai.ChatCompletions {
		return nil
	}
	return q.model.marks
}

// say has the answer with this number made, and calls emit with what there is of it. Errors are those of generate.Scheduler's Do.
func (s *Server) say(ctx context.Context, q *asked, number int, emit func(said) error) (*spoken, error) {
	sp := &speaker{q: q, number: number, emit: emit}
	if q.Kind == openai.ChatCompletions {
		sp.parser = q.model.format.NewParser(q.tools, q.opening)
	}
	r, err := s.text(ctx, q, number, sp.piece)
	if err == nil && r.Stop != generate.StopCancel {
		err = sp.end(r.Stop != generate.StopToken)
	}
	if err != nil {
		return nil, err
	}
	end := &spoken{Result: r, reason: reasonLength}
	if r.Stop == generate.StopToken {
		if end.reason = reasonStop; sp.calls > 0 {
			end.reason = reasonCalls
		}
	}
	return end, nil
}

// speaker makes events of an answer's pieces.
type speaker struct {
	q       *asked
	number  int
	emit    func(said) error
	parser  *toolcall.Parser // nil: all is text
	chances []generate.LogProb
	calls   int // that have ended
}

func (s *speaker) piece(p generate.Piece) error {
	s.chances = append(s.chances, p.Tokens...)
	if s.parser == nil {
		return s.tell(toolcall.Event{Text: p.Text})
	}
	for _, e := range s.parser.Next(p.Text) {
		if err := s.tell(e); err != nil {
			return err
		}
	}
	return nil
}

// end tells of what is left of a text that has ended by itself or was cut off.
func (s *speaker) end(cut bool) error {
	if s.parser != nil {
		for _, e := range s.parser.Close(cut) {
			if err := s.tell(e); err != nil {
				return err
			}
		}
	}
	if s.chances == nil {
		return nil
	}
	return s.tell(toolcall.Event{})
}

func (s *speaker) tell(e toolcall.Event) error {
	one := said{Event: e, chances: s.chances}
	s.chances = nil
	switch e.Kind {
	case toolcall.CallBegin:
		one.id = s.q.callID(s.number, e.Index)
	case toolcall.CallEnd:
		s.calls++
	}
	return s.emit(one)
}

// callID returns what a call is known by: the same for the same request with the same seed, and another in each turn of a conversation.
func (q *asked) callID(number, index int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %d %d", q.Seed, number, len(q.prompt), index))
	return "call_" + hex.EncodeToString(sum[:12])
}
