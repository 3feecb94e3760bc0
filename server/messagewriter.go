package server

import (
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/anthropic"
	"github.com/helix-substrate/helix-substrate/toolcall"
)

// messageWriter makes a message of Anthropic's API of what a model says, and tells of it as it goes on. It is for one goroutine.
type messageWriter struct {
	message *anthropic.Message
	send    func(anthropic.Event) error // nil: nobody is told before the end
	begun   bool
	open    string          // the type of the last block, if it goes on
	text    strings.Builder // of the open block
}

// tell sends an event.
func (w *messageWriter) tell(e anthropic.Event) error {
	if w.send == nil {
		return nil
	}
	return w.send(e)
}

// begin tells that there is a message, once.
func (w *messageWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	return w.tell(anthropic.Event{Type: "message_start", Message: w.message})
}

// add adds what is new.
func (w *messageWriter) add(e said) error {
	switch e.Kind {
	case toolcall.Text:
		return w.addText(anthropic.BlockText, e.Text)
	case toolcall.Reasoning:
		return w.addText(anthropic.BlockThinking, e.Text)
	case toolcall.CallBegin:
		block := anthropic.NewBlock(anthropic.BlockToolUse, "")
		block.ID, block.Name = e.id, e.Name
		return w.beginBlock(block)
	case toolcall.CallArguments:
		return w.addText(anthropic.BlockToolUse, e.Text)
	case toolcall.CallFailed:
		if w.send == nil { // nobody was told of it
			w.message.Content, w.open = w.message.Content[:len(w.message.Content)-1], ""
			return nil
		}
	}
	return w.endBlock() // of a call
}

// addText adds a piece of a block of a type.
func (w *messageWriter) addText(kind, piece string) error {
	if piece == "" {
		return nil
	}
	if w.open != kind {
		if err := w.beginBlock(anthropic.NewBlock(kind, "")); err != nil {
			return err
		}
	}
	w.text.WriteString(piece)
	index := len(w.message.Content) - 1
	return w.tell(anthropic.Event{Type: "content_block_delta", Index: &index, Delta: anthropic.NewDelta(kind, piece)})
}

// beginBlock opens a block.
func (w *messageWriter) beginBlock(block anthropic.Block) error {
	if err := w.begin(); err != nil {
		return err
	}
	if err := w.endBlock(); err != nil {
		return err
	}
	index := len(w.message.Content)
	w.message.Content = append(w.message.Content, block)
	w.open = block.Type
	w.text.Reset()
	return w.tell(anthropic.Event{Type: "content_block_start", Index: &index, Block: &block})
}

// endBlock ends the block that is open, if one is.
func (w *messageWriter) endBlock() error {
	if w.open == "" {
		return nil
	}
	index := len(w.message.Content) - 1
	block := &w.message.Content[index]
	whole := anthropic.NewBlock(w.open, w.text.String())
	whole.ID, whole.Name = block.ID, block.Name
	*block, w.open = whole, ""
	return w.tell(anthropic.Event{Type: "content_block_stop", Index: &index})
}

// end completes the message and tells how it has ended.
func (w *messageWriter) end(end *spoken) error {
	if err := w.begin(); err != nil {
		return err
	}
	if err := w.endBlock(); err != nil {
		return err
	}
	m := w.message
	why := anthropic.StopEnd
	switch {
	case end.reason == reasonCalls:
		why = anthropic.StopToolUse
	case end.reason == reasonLength:
		why = anthropic.StopTokens
	case end.StopText != "":
		why = anthropic.StopSequence
		m.StopSequence = &end.StopText
	}
	m.StopReason, m.Usage.Output = &why, len(end.OutputIDs)
	e := anthropic.Event{Type: "message_delta", Delta: anthropic.MessageDelta{StopReason: m.StopReason, StopSequence: m.StopSequence}, Usage: &m.Usage}
	if err := w.tell(e); err != nil {
		return err
	}
	return w.tell(anthropic.Event{Type: "message_stop"})
}
