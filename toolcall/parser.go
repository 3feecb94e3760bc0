package toolcall

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Function is a function that may be called.
type Function struct {
	Name       string
	Parameters json.RawMessage // the JSON schema of its arguments; nil: it has none
	Strict     bool            // a grammar has to know all of the schema
}

// Parser makes events of a text as it comes. How the text is cut into pieces makes no difference but for where events are cut.
// It is for one text and one goroutine.
//
// Nothing of the text is lost but marks and white space around calls and reasoning: what begins like a call and is none is text. If that turns out
// when the call has been told of, it is told again as text, with CallFailed.
type Parser struct {
	format    *Format
	functions map[string]Function
	read      func(p *Parser) bool // reads on; false: more is needed
	rest      []byte               // not read yet
	cut       []byte               // the beginning of a character behind it
	final     bool                 // there is no more than rest
	events    []Event

	calls  int    // that have begun
	begun  bool   // one has, and has not ended
	call   []byte // what was read of it, with its mark
	blanks []byte // at the end of the text
	trim   bool   // blanks come first and do not count
	said   bool   // something was
	last   Kind   // of the text before, of which blanks are held
	json   jsonScanner
	args   argumentsReader
	texts  map[string]map[string]bool // arguments that are texts, by functions
}

// NewParser returns a parser of what a model writes that may call functions, behind a prompt. Without functions calls are text.
func (f *Format) NewParser(functions []Function, prompt string) *Parser {
	p := &Parser{format: f, functions: map[string]Function{}, texts: map[string]map[string]bool{}, read: (*Parser).text}
	for _, function := range functions {
		p.functions[function.Name] = function
	}
	switch {
	case f.body == bodyChannels:
		p.read = (*Parser).header
	case f.think.open != "" && strings.HasSuffix(strings.TrimSpace(prompt), f.think.open):
		p.think()
	}
	return p
}

// Next returns what is certain with a piece more of the text. The events are valid until the next call.
func (p *Parser) Next(piece string) []Event {
	p.events = p.events[:0]
	for len(piece) > maxPiece {
		p.add(piece[:maxPiece])
		piece = piece[maxPiece:]
	}
	p.add(piece)
	return p.events
}

// maxPiece is how many bytes are looked through at a time for marks, each time one was found.
const maxPiece = 4 << 10

// add reads on with a piece.
func (p *Parser) add(piece string) {
	p.rest = append(append(p.rest, p.cut...), piece...)
	n := len(p.rest)
	for i := 1; i < utf8.UTFMax && i <= n; i++ { // the beginning of a character waits for its end
		if c := p.rest[n-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(p.rest[n-i:]) {
				n -= i
			}
			break
		}
	}
	p.cut = append(p.cut[:0], p.rest[n:]...)
	p.rest = p.rest[:n]
	for p.read(p) {
	}
}

// Close returns what there is left when the text has ended. A call that has not is none, unless the text was cut off: then it is left
// without its end.
func (p *Parser) Close(cut bool) []Event {
	p.events, p.final = p.events[:0], true
	p.rest = append(p.rest, p.cut...)
	for p.read(p) {
	}
	if p.consume(len(p.rest)); len(p.call) > 0 && !(p.begun && cut) {
		p.noCall()
	}
	if !p.trim && p.last == Text && len(p.blanks) > 0 {
		p.emit(Text, p.blanks)
	}
	return p.events
}

// Reasons says whether what comes next is still reasoning.
func (p *Parser) Reasons() bool { return p.last == Reasoning }

// take reads so many bytes.
func (p *Parser) take(n int) []byte {
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *Parser) emit(kind Kind, text []byte) {
	p.events = append(p.events, Event{Kind: kind, Text: string(text)})
}

// say tells of a piece of text or reasoning. White space at its end waits for what follows.
func (p *Parser) say(kind Kind, piece []byte) {
	if p.trim {
		piece = bytes.TrimLeft(piece, " \t\r\n")
	}
	if len(piece) == 0 {
		return
	}
	p.trim = false
	if told := bytes.TrimRight(piece, " \t\r\n"); len(told) > 0 {
		p.said = true
		p.emit(kind, append(p.blanks, told...))
		p.blanks, piece = p.blanks[:0], piece[len(told):]
	}
	p.blanks = append(p.blanks, piece...)
}

// turn goes on with text or reasoning of its own.
func (p *Parser) turn(kind Kind) { p.last, p.blanks, p.trim = kind, nil, true }

// think goes on with reasoning.
func (p *Parser) think() {
	p.turn(Reasoning)
	p.read = (*Parser).reasoning
}

// reasoning reads reasoning up to its end.
func (p *Parser) reasoning() bool {
	before, mark := p.upTo(p.format.think.close)
	p.say(Reasoning, before)
	if mark == "" {
		return false
	}
	p.take(len(mark))
	p.turn(Text)
	p.read = (*Parser).text
	return true
}

// upTo reads what is before the first of marks, and finds that, which it does not read; "" where there is none so far, and what may be the beginning of one
// is not read.
func (p *Parser) upTo(list ...string) (before []byte, found string) {
	at := len(p.rest)
	for _, mark := range list {
		if i := bytes.Index(p.rest, []byte(mark)); i >= 0 && i < at {
			at, found = i, mark
		}
	}
	if found == "" && !p.final {
		at -= beginning(p.rest, list)
	}
	return p.take(at), found
}

// beginning returns how many bytes at the end of a text one of marks may begin with.
func beginning(text []byte, list []string) int {
	longest := 0
	for _, mark := range list {
		for n := min(len(mark)-1, len(text)); n > longest; n-- {
			if string(text[len(text)-n:]) == mark[:n] {
				longest = n
			}
		}
	}
	return longest
}

// text reads text up to what begins a call or reasoning.
func (p *Parser) text() bool {
	f := p.format
	var list []string
	if len(p.functions) > 0 {
		list = append(append(list, f.opens...), f.passed...)
		if f.bare && (!p.said || p.trim) {
			if more, found := p.bareCall(); !more || found {
				return found
			}
		}
	}
	if f.think.open != "" && !p.said {
		list = append(list, f.think.open)
	}
	before, mark := p.upTo(list...)
	if said := p.said; len(before) > 0 {
		if p.say(Text, before); p.said != said { // reasoning does not come any more
			return true
		}
	}
	switch {
	case mark == "":
		return false
	case mark == f.think.open:
		p.take(len(mark))
		p.think()
	case slices.Contains(f.passed, mark):
		p.take(len(mark))
	default:
		p.begin(len(mark))
	}
	return true
}

// bareCall looks whether a call without a mark begins. more is false where that is not yet known.
func (p *Parser) bareCall() (more, found bool) {
	blank := " \t\r\n"
	if p.calls > 0 { // between calls
		blank += ";,"
	}
	text := bytes.TrimLeft(p.rest, blank)
	if len(text) == 0 {
		return p.final, false
	}
	if text[0] != '{' {
		return true, false
	}
	p.begin(len(p.rest) - len(text))
	return true, true
}

// begin begins to read a call, behind a mark of so many bytes.
func (p *Parser) begin(mark int) {
	p.call = append(p.call[:0], p.take(mark)...)
	p.read = (*Parser).body
}

// body finds out how a call is written.
func (p *Parser) body() bool {
	switch p.format.body {
	case bodyJSON:
		return p.startObject()
	case bodyList:
		return p.startList()
	case bodyNamed:
		return p.startNamed()
	case bodyPairs:
		return p.startPairs()
	case bodyPython:
		return p.startPython()
	default:
		return p.startTags()
	}
}

// consume reads so many bytes of a call.
func (p *Parser) consume(n int) []byte {
	taken := p.take(n)
	p.call = append(p.call, taken...)
	return taken
}

// blank reads white space of a call and says whether something else follows.
func (p *Parser) blank() bool {
	p.consume(len(p.rest) - len(bytes.TrimLeft(p.rest, " \t\r\n")))
	return len(p.rest) > 0
}

// known tells a name that a call may have. One with a mark is taken at its word.
func (p *Parser) known(name string) bool {
	_, ok := p.functions[name]
	return ok || name != "" && !p.isBare()
}

// isBare tells a call without a mark.
func (p *Parser) isBare() bool {
	return p.format.bare && !bytes.HasPrefix(p.call, []byte(p.format.opens[0]))
}

// beginCall tells that a call begins.
func (p *Parser) beginCall(name string) {
	p.turn(Text)
	p.said, p.begun = true, true
	p.events = append(p.events, Event{Kind: CallBegin, Index: p.calls, Name: name})
	p.calls++
}

// argue tells of a piece of the call's arguments.
func (p *Parser) argue(piece []byte) {
	if len(piece) > 0 {
		p.events = append(p.events, Event{Kind: CallArguments, Index: p.calls - 1, Text: string(piece)})
	}
}

// endCall tells that the call has ended.
func (p *Parser) endCall() {
	p.begun = false
	p.call = p.call[:0]
	p.events = append(p.events, Event{Kind: CallEnd, Index: p.calls - 1})
}

// whole tells of a call at once.
func (p *Parser) whole(name string, arguments []byte) {
	p.beginCall(name)
	p.argue(arguments)
	p.endCall()
}

// noCall makes what was read of a call text.
func (p *Parser) noCall() {
	call := append([]byte(nil), p.call...)
	p.call = p.call[:0]
	p.read = (*Parser).text
	if p.format.body == bodyChannels {
		p.read = (*Parser).message
	}
	if p.begun {
		p.begun = false
		p.events = append(p.events, Event{Kind: CallFailed, Index: p.calls - 1})
		p.turn(Text)
	}
	p.trim = false
	p.say(Text, call)
}

// back returns to the text.
func (p *Parser) back() bool {
	p.read = (*Parser).text
	return true
}
