package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/helix-substrate/helix-substrate/generate"
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

// reason is why an answer ended, in the words of chat completions.
type reason string

const (
	reasonStop   reason = "stop"
	reasonLength reason = "length"
	reasonCalls  reason = "tool_calls"
)

// say has the answer with this number made, and calls emit with what there is of it. Errors are those of generate.Scheduler's Do.
func (s *Server) say(ctx context.Context, q *asked, number int, emit func(said) error) (*spoken, error) {
	r, err := s.text(ctx, q, number, func(p generate.Piece) error {
		e := said{Event: toolcall.Event{Kind: toolcall.Text, Text: p.Text}, chances: p.Tokens}
		if e.Kind == toolcall.CallBegin {
			e.id = q.callID(number, e.Index)
		}
		return emit(e)
	})
	if err != nil {
		return nil, err
	}
	end := &spoken{Result: r, reason: reasonLength}
	if r.Stop == generate.StopToken {
		end.reason = reasonStop
	}
	return end, nil
}

// callID returns what a call is known by: the same for the same request with the same seed, and another in each turn of a conversation.
func (q *asked) callID(number, index int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %d %d", q.Seed, number, len(q.prompt), index))
	return "call_" + hex.EncodeToString(sum[:12])
}
