package toolcall

import "strings"

// Kind is what an event tells of.
type Kind uint8

// The kinds of events. Calls come one after the other: CallBegin, any number of CallArguments, and CallEnd or CallFailed; the last of a text that was cut off
// has no CallEnd.
const (
	Text          Kind = iota // a piece of the answer
	Reasoning                 // a piece of what was thought before it
	CallBegin                 // a call of the function Name
	CallArguments             // a piece of its arguments
	CallEnd
	CallFailed // what began as a call is none: its text follows as Text
)

// Event is what is new of what a model says.
type Event struct {
	Kind  Kind
	Index int    // of a call's: its number, from 0 on
	Name  string // of CallBegin
	Text  string // of Text, Reasoning and CallArguments: the piece, which is not empty
}

// Message is what a model said.
type Message struct {
	Text, Reasoning string
	Calls           []Call
}

// Call is a call of a function.
type Call struct {
	ID        string // for [Format.Write]: functions.NAME:NUMBER where the form is Numbered
	Name      string
	Arguments string // a JSON object, unless the text was cut off before the call ended
	Ended     bool
}

// Collector puts a message together from events. The zero value has none yet. It is for one goroutine.
type Collector struct {
	text, reasoning strings.Builder
	calls           []*collectedCall
}

type collectedCall struct {
	name      string
	arguments strings.Builder
	ended     bool
	failed    bool
}

// Add adds what is new.
func (c *Collector) Add(e Event) {
	switch e.Kind {
	case Text:
		c.text.WriteString(e.Text)
	case Reasoning:
		c.reasoning.WriteString(e.Text)
	case CallBegin:
		c.calls = append(c.calls, &collectedCall{name: e.Name})
	case CallArguments:
		c.calls[e.Index].arguments.WriteString(e.Text)
	case CallEnd:
		c.calls[e.Index].ended = true
	case CallFailed:
		c.calls[e.Index].failed = true
	}
}

// Message returns what was said so far.
func (c *Collector) Message() Message {
	m := Message{Text: c.text.String(), Reasoning: c.reasoning.String()}
	for _, call := range c.calls {
		if call.failed {
			continue
		}
		m.Calls = append(m.Calls, Call{Name: call.name, Arguments: call.arguments.String(), Ended: call.ended})
	}
	return m
}
