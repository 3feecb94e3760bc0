package toolcall

import (
	"bytes"
	"encoding/json"
	"strings"
)

// maxHead is how many bytes may stand before a call's arguments.
const maxHead = 1 << 10

// match is what a text is as far as it has come.
type match uint8

const (
	matchNo match = iota
	matchMore
	matchYes
)

// startObject begins to read {"name": …, "arguments": …}. In this order its arguments are told of as they come; in any other, and with more members, when
// it has ended.
func (p *Parser) startObject() bool {
	if !p.blank() {
		return false
	}
	if p.rest[0] != '{' {
		p.noCall()
		return true
	}
	name, n, m := objectHead(p.rest)
	switch {
	case m == matchMore && n < maxHead:
		return false
	case m == matchYes && !p.known(name):
		p.consume(n)
		p.noCall()
		return true
	case m == matchYes:
		p.consume(n - 1)
		p.beginCall(name)
		p.args.depth = 1
		p.json = jsonScanner{open: []byte{'{'}}
		p.read = (*Parser).object
		return true
	}
	p.args.from = len(p.call)
	p.json = jsonScanner{}
	p.read = (*Parser).unordered
	return true
}

// objectHead reads the beginning of a call in the usual order, up to the first byte of the arguments.
func objectHead(text []byte) (name string, n int, m match) {
	next := func(words ...string) match {
		rest := bytes.TrimLeft(text[n:], " \t\r\n")
		n = len(text) - len(rest)
		for _, w := range words {
			if bytes.HasPrefix(rest, []byte(w)) {
				n += len(w)
				return matchYes
			}
		}
		for _, w := range words {
			if strings.HasPrefix(w, string(rest)) {
				return matchMore
			}
		}
		return matchNo
	}
	for _, words := range [][]string{{"{"}, {`"name"`}, {":"}, {`"`}} {
		if m := next(words...); m != matchYes {
			return "", n, m
		}
	}
	end := bytes.IndexAny(text[n:], "\"\\")
	if end < 0 {
		return "", len(text), matchMore
	}
	if name = string(text[n : n+end]); text[n+end] == '\\' || !isName(name) {
		return "", n, matchNo
	}
	n += end + 1
	for _, words := range [][]string{{","}, {`"arguments"`, `"parameters"`}, {":"}, {"{"}} {
		if m := next(words...); m != matchYes {
			return "", n, m
		}
	}
	return name, n, matchYes
}

// isName tells what may be a function's name.
func isName(name string) bool {
	return name != "" && len(name) <= 256 && !strings.ContainsAny(name, " \t\r\n<>[]{}\"'`")
}

// object reads the arguments of a call that has begun.
func (p *Parser) object() bool {
	for i, c := range p.rest {
		if !p.json.next(c) {
			p.argue(p.consume(i))
			p.noCall()
			return true
		}
		if len(p.json.open) == p.args.depth {
			p.argue(p.consume(i + 1))
			p.endCall()
			p.read = (*Parser).objectRest
			return true
		}
	}
	p.argue(p.consume(len(p.rest)))
	return false
}

// objectRest passes over what an object has behind the arguments.
func (p *Parser) objectRest() bool {
	for i, c := range p.rest {
		if len(p.json.open) == 0 || !p.json.next(c) {
			p.take(i)
			return p.after()
		}
	}
	p.take(len(p.rest))
	return len(p.json.open) == 0 && p.after()
}

// unordered reads an object to its end.
func (p *Parser) unordered() bool {
	for i, c := range p.rest {
		if !p.json.next(c) {
			p.consume(i)
			p.noCall()
			return true
		}
		if p.json.ended {
			p.consume(i + 1)
			name, arguments, ok := callOf(p.call[p.args.from:])
			if !ok || !p.known(name) {
				p.noCall()
				return true
			}
			p.whole(name, arguments)
			return p.after()
		}
	}
	p.consume(len(p.rest))
	return false
}

// callOf returns what an object calls, under any of the names that models have for its members.
func callOf(object []byte) (name string, arguments []byte, ok bool) {
	var call struct {
		Name, Function, Tool json.RawMessage
		Arguments            json.RawMessage `json:"arguments"`
		Parameters           json.RawMessage `json:"parameters"`
		ToolName             json.RawMessage `json:"tool_name"`
	}
	if json.Unmarshal(object, &call) != nil {
		return "", nil, false
	}
	for _, n := range []json.RawMessage{call.Name, call.ToolName, call.Function} {
		if name == "" && n != nil {
			json.Unmarshal(n, &name)
		}
	}
	if call.Name == nil && call.Function != nil && call.Function[0] == '{' { // {"type": "function", "function": {"name": …, …}}
		return callOf(call.Function)
	}
	if arguments = call.Arguments; arguments == nil {
		arguments = call.Parameters
	}
	var text string
	if json.Unmarshal(arguments, &text) == nil && text != "" { // JSON in JSON
		arguments = []byte(text)
	}
	return name, arguments, isName(name) && len(arguments) > 0 && arguments[0] == '{' && json.Valid(arguments)
}

// startList begins to read a list of objects.
func (p *Parser) startList() bool {
	if !p.blank() {
		return false
	}
	if p.rest[0] != '[' {
		p.noCall()
		return true
	}
	p.consume(1)
	p.args = argumentsReader{list: true}
	p.read = (*Parser).item
	return true
}

// item reads what is before an object of a list, or behind the last.
func (p *Parser) item() bool {
	blank := " \t\r\n"
	if p.args.some { // between objects
		blank += ","
	}
	text := bytes.TrimLeft(p.rest, blank)
	if n := len(p.rest) - len(text); p.args.some {
		p.take(n)
	} else {
		p.consume(n)
	}
	switch {
	case len(text) == 0:
		return false
	case text[0] == '{':
		p.args.some = true
		p.read = (*Parser).startObject
		return true
	case text[0] == ']' && p.args.some:
		p.take(1)
		p.args = argumentsReader{}
		return p.back()
	case p.args.some:
		p.args = argumentsReader{}
		return p.back()
	}
	p.args = argumentsReader{}
	p.noCall()
	return true
}

// startNamed begins to read a name and arguments behind it: of Mistral, with marks between them, and DeepSeek's NAME, a mark, {…}, or "function", a mark, NAME and
// {…} in a fence; and Kimi's functions.NAME:NUMBER, a mark, {…}.
func (p *Parser) startNamed() bool {
	if !p.blank() {
		return false
	}
	if p.rest[0] == '[' && p.format.name == "mistral" {
		return p.startList()
	}
	at := bytes.IndexByte(p.rest, '{')
	if at < 0 && len(p.rest) < maxHead {
		return false
	}
	name, ok := p.format.nameBefore(string(p.rest[:max(0, at)]))
	if at < 0 || !ok {
		p.consume(max(0, at))
		p.noCall()
		return true
	}
	p.consume(at)
	p.beginCall(name)
	p.args.depth = 0
	p.json = jsonScanner{}
	p.read = (*Parser).namedArguments
	return true
}

// nameBefore returns the name in what is before arguments.
func (f *Format) nameBefore(head string) (name string, ok bool) {
	name, rest := head, ""
	if f.separator != "" {
		name, rest, _ = strings.Cut(head, f.separator)
	}
	if name = strings.TrimSpace(name); name == "function" && strings.Contains(rest, "```") {
		name, _, _ = strings.Cut(rest, "```")
	} else if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i]
	}
	if name = strings.TrimSpace(name); f.numbered {
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "functions."), ":")
	}
	return name, isName(name)
}

// namedArguments reads arguments that nothing is around.
func (p *Parser) namedArguments() bool {
	for i, c := range p.rest {
		if !p.json.next(c) {
			p.argue(p.consume(i))
			p.noCall()
			return true
		}
		if p.json.ended {
			p.argue(p.consume(i + 1))
			p.endCall()
			p.read = (*Parser).fence
			return true
		}
	}
	p.argue(p.consume(len(p.rest)))
	return false
}

// fence passes over the end of a fence behind arguments.
func (p *Parser) fence() bool {
	return p.pass("```")
}

// pass passes over white space and a mark, if it is there, and goes on with the text.
func (p *Parser) pass(mark string) bool {
	text := bytes.TrimLeft(p.rest, " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte(mark)):
		p.take(len(p.rest) - len(text) + len(mark))
	case strings.HasPrefix(mark, string(text)) && !p.final:
		return false
	}
	return p.back()
}

// after goes on behind a call's object.
func (p *Parser) after() bool {
	switch {
	case p.args.list:
		p.read = (*Parser).item
	case p.format.body == bodyTags:
		p.read = (*Parser).tagsEnd
	default:
		p.read = (*Parser).text
	}
	return true
}

func (p *Parser) tagsEnd() bool { return p.pass(endToolCall) }
