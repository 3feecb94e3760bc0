package server

import (
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/toolcall"
)

// responseWriter makes a response of what a model says, and tells of it as it goes on. It is for one goroutine.
type responseWriter struct {
	response *openai.Response
	id       string                           // of the request
	send     func(openai.ResponseEvent) error // nil: nobody is told before the end
	chances  func(said) []openai.TokenLogProb // of an event
	events   int                              // sent
	open     bool                             // the last item goes on
	text     strings.Builder                  // of the open item
	logProbs []openai.TokenLogProb            // of the open message
}

// tell sends an event.
func (w *responseWriter) tell(e openai.ResponseEvent) error {
	if w.send == nil {
		return nil
	}
	e.Sequence = w.events
	w.events++
	return w.send(e)
}

// begin tells that there is a response, once.
func (w *responseWriter) begin() error {
	if w.events > 0 {
		return nil
	}
	if err := w.tell(openai.ResponseEvent{Type: "response.created", Response: w.response}); err != nil {
		return err
	}
	return w.tell(openai.ResponseEvent{Type: "response.in_progress", Response: w.response})
}

// add adds what is new.
func (w *responseWriter) add(e said) error {
	if err := w.begin(); err != nil {
		return err
	}
	chances := w.chances(e)
	switch e.Kind {
	case toolcall.Text, toolcall.Reasoning:
		kind := openai.ItemMessage
		if e.Kind == toolcall.Reasoning {
			kind = openai.ItemReasoning
		}
		if e.Text == "" && len(chances) == 0 {
			return nil
		}
		return w.addText(kind, e.Text, chances)
	case toolcall.CallBegin:
		return w.beginItem(openai.ItemCall, func(item *openai.OutputItem) { item.CallID, item.Name = e.id, e.Name })
	case toolcall.CallArguments:
		w.text.WriteString(e.Text)
		return w.tellOf(openai.ResponseEvent{Type: "response.function_call_arguments.delta", Delta: &e.Text})
	case toolcall.CallEnd:
		return w.endItem(openai.StatusCompleted)
	case toolcall.CallFailed:
		if w.send == nil { // nobody was told of it
			w.response.Output, w.open = w.response.Output[:len(w.response.Output)-1], false
			return nil
		}
		return w.endItem(openai.StatusIncomplete)
	}
	return nil
}

// addText adds a piece of a message or of reasoning.
func (w *responseWriter) addText(kind, piece string, chances []openai.TokenLogProb) error {
	if w.last() != kind {
		if err := w.beginItem(kind, func(*openai.OutputItem) {}); err != nil {
			return err
		}
	}
	w.text.WriteString(piece)
	e := openai.ResponseEvent{Type: "response.reasoning_text.delta", ContentIndex: new(int), Delta: &piece}
	if kind == openai.ItemMessage {
		w.logProbs = append(w.logProbs, chances...)
		e.Type, e.LogProbs = "response.output_text.delta", openai.NewPart(kind, "", chances).LogProbs
	}
	return w.tellOf(e)
}

// last returns the type of the item that is open; "" if none is.
func (w *responseWriter) last() string {
	if !w.open {
		return ""
	}
	return w.item().Type
}

func (w *responseWriter) item() *openai.OutputItem {
	return &w.response.Output[len(w.response.Output)-1]
}

// tellOf sends an event of the open item.
func (w *responseWriter) tellOf(e openai.ResponseEvent) error {
	index := len(w.response.Output) - 1
	e.OutputIndex = &index
	if e.Item == nil {
		e.ItemID = w.item().ID
	}
	return w.tell(e)
}

// beginItem opens an item of a type, which set completes.
func (w *responseWriter) beginItem(kind string, set func(*openai.OutputItem)) error {
	if err := w.endItem(openai.StatusCompleted); err != nil {
		return err
	}
	item := openai.NewItem(kind, fmt.Sprintf("%s%02d", w.id, len(w.response.Output)))
	set(&item)
	w.response.Output = append(w.response.Output, item)
	w.open, w.logProbs = true, nil
	w.text.Reset()
	if err := w.tellOf(openai.ResponseEvent{Type: "response.output_item.added", Item: &item}); err != nil || kind == openai.ItemCall {
		return err
	}
	part := openai.NewPart(kind, "", nil)
	return w.tellOf(openai.ResponseEvent{Type: "response.content_part.added", ContentIndex: new(int), Part: &part})
}

// endItem ends the item that is open, if one is.
func (w *responseWriter) endItem(status openai.ResponseStatus) error {
	if !w.open {
		return nil
	}
	item, text := w.item(), w.text.String()
	item.Status = status
	var events []openai.ResponseEvent
	if item.Type == openai.ItemCall {
		item.Arguments = &text
		events = append(events, openai.ResponseEvent{Type: "response.function_call_arguments.done", Name: item.Name, Arguments: &text})
	} else {
		part := openai.NewPart(item.Type, text, w.logProbs)
		item.Content = &[]openai.ContentPart{part}
		whole := openai.ResponseEvent{Type: "response.reasoning_text.done", ContentIndex: new(int), Text: &text}
		if item.Type == openai.ItemMessage {
			whole.Type, whole.LogProbs = "response.output_text.done", part.LogProbs
		}
		events = append(events, whole, openai.ResponseEvent{Type: "response.content_part.done", ContentIndex: new(int), Part: &part})
	}
	for _, e := range append(events, openai.ResponseEvent{Type: "response.output_item.done", Item: item}) {
		if err := w.tellOf(e); err != nil {
			return err
		}
	}
	w.open = false
	return nil
}

// end completes the response, which took so many tokens, but for telling so.
func (w *responseWriter) end(reason reason, usage openai.ResponseUsage) error {
	if err := w.begin(); err != nil {
		return err
	}
	status := openai.StatusCompleted
	if reason == reasonLength {
		status = openai.StatusIncomplete
		w.response.Incomplete = &openai.Incomplete{Reason: "max_output_tokens"}
	}
	if err := w.endItem(status); err != nil {
		return err
	}
	usage.Total = usage.Input + usage.Output
	w.response.Status, w.response.Usage = status, &usage
	return nil
}

// ended tells how the response has ended.
func (w *responseWriter) ended() error {
	return w.tell(openai.ResponseEvent{Type: "response." + string(w.response.Status), Response: w.response})
}

// fail ends a response of which something was told already.
func (w *responseWriter) fail(e *openai.Error) {
	w.response.Status, w.response.Error = openai.StatusFailed, &openai.ResponseError{Code: e.Type, Message: e.Message}
}
