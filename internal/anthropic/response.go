package anthropic

import (
	"encoding/json"
	"net/http"

	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// Message answers a request for one.
type Message struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"` // message
	Role         string  `json:"role"` // assistant
	Model        string  `json:"model"`
	Content      []Block `json:"content"`
	StopReason   *string `json:"stop_reason"`   // once it has ended
	StopSequence *string `json:"stop_sequence"` // that ended it
	Usage        Usage   `json:"usage"`
}

// NewMessage returns a message that has nothing yet. id is what makes it unique.
func NewMessage(id, model string, promptTokens int) *Message {
	return &Message{ID: "msg_" + id, Type: "message", Role: "assistant", Model: model, Content: []Block{}, Usage: Usage{Input: promptTokens}}
}

// Why a message ended.
const (
	StopEnd      = "end_turn"
	StopTokens   = "max_tokens"
	StopSequence = "stop_sequence"
	StopToolUse  = "tool_use"
)

// Usage counts tokens.
type Usage struct {
	Input  int `json:"input_tokens"`
	Output int `json:"output_tokens"`
}

// Block is a block of a message: text, thinking, or tool_use.
type Block struct {
	Type      string          `json:"type"`
	Text      *string         `json:"text,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"`
	Signature *string         `json:"signature,omitempty"` // of thinking: always empty
	ID        string          `json:"id,omitempty"`        // of tool_use, as what follows
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
}

// The types of blocks.
const (
	BlockText     = "text"
	BlockThinking = "thinking"
	BlockToolUse  = "tool_use"
)

// NewBlock returns a block of a type with its text, or a call's arguments; those that are no JSON, as the message was cut off, are left out.
func NewBlock(kind, text string) Block {
	b := Block{Type: kind}
	switch kind {
	case BlockText:
		b.Text = &text
	case BlockThinking:
		b.Thinking, b.Signature = &text, new(string)
	case BlockToolUse:
		b.Input = json.RawMessage("{}")
		if json.Valid([]byte(text)) {
			b.Input = json.RawMessage(text)
		}
	}
	return b
}

// Event is what is new of a message that is streamed. What a type of event does not have is nil.
type Event struct {
	Type    string   `json:"type"`
	Message *Message `json:"message,omitempty"`
	Index   *int     `json:"index,omitempty"`
	Block   *Block   `json:"content_block,omitempty"`
	Delta   any      `json:"delta,omitempty"` // a Delta or a MessageDelta
	Usage   *Usage   `json:"usage,omitempty"`
	Error   *Error   `json:"error,omitempty"`
}

// Delta is a piece of a block.
type Delta struct {
	Type     string  `json:"type"`
	Text     *string `json:"text,omitempty"`
	Thinking *string `json:"thinking,omitempty"`
	JSON     *string `json:"partial_json,omitempty"`
}

// NewDelta returns a piece of a block of a type.
func NewDelta(kind, piece string) Delta {
	switch kind {
	case BlockThinking:
		return Delta{Type: "thinking_delta", Thinking: &piece}
	case BlockToolUse:
		return Delta{Type: "input_json_delta", JSON: &piece}
	}
	return Delta{Type: "text_delta", Text: &piece}
}

// MessageDelta is what becomes known at a message's end.
type MessageDelta struct {
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

// Error is an error in the API's form.
type Error struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// statusOverloaded is the status of HTTP that clients of the API know as "try again".
const statusOverloaded = 529

// NewError returns an error in the API's form, and the status that goes with it.
func NewError(e *openai.Error) (status int, body Event) {
	status, kind := e.Status, "api_error"
	switch e.Status {
	case http.StatusBadRequest:
		kind = "invalid_request_error"
	case http.StatusUnauthorized:
		kind = "authentication_error"
	case http.StatusForbidden:
		kind = "permission_error"
	case http.StatusNotFound:
		kind = "not_found_error"
	case http.StatusRequestEntityTooLarge:
		kind = "request_too_large"
	case http.StatusServiceUnavailable:
		status, kind = statusOverloaded, "overloaded_error"
	}
	return status, Event{Type: "error", Error: &Error{kind, e.Message}}
}
