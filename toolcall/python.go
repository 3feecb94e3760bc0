package toolcall

import (
	"bytes"
	"strconv"
	"strings"
)

// blanks are white space, as JSON and Python have it within a line and between lines.
const blanks = " \t\r\n"

// What is around arguments and values in bodyPython: those of a call are in parentheses, as the values of a tuple are.
const (
	pythonCall  = 'f'
	pythonList  = '['
	pythonTuple = '('
	pythonDict  = '{'
)

// startPython begins to read [NAME(key=value, …), …], or a list of objects.
func (p *Parser) startPython() bool {
	if !p.blank() {
		return false
	}
	if p.rest[0] != '[' {
		p.noCall()
		return true
	}
	p.consume(1)
	p.args = argumentsReader{list: true}
	p.read = (*Parser).pythonFirst
	return true
}

// pythonFirst finds out what the list is of.
func (p *Parser) pythonFirst() bool {
	if !p.blank() {
		return false
	}
	if p.read = (*Parser).pythonName; p.rest[0] == '{' {
		p.read = (*Parser).item
	}
	return true
}

// pythonName reads a function's name.
func (p *Parser) pythonName() bool {
	if !p.blank() {
		return false
	}
	at := bytes.IndexByte(p.rest, '(')
	if at < 0 && len(p.rest) < maxHead {
		return false
	}
	name := strings.TrimSpace(string(p.rest[:max(0, at)]))
	if at < 0 || !isName(name) {
		p.consume(max(0, at))
		p.noCall()
		return true
	}
	p.consume(at + 1)
	p.beginCall(name)
	p.argue([]byte("{"))
	p.args = argumentsReader{function: name, open: []byte{pythonCall}}
	p.read = (*Parser).python
	return true
}

// python reads what is between values, the names of arguments, and where a value begins.
func (p *Parser) python() bool {
	if !p.blank() {
		return false
	}
	a := &p.args
	in := a.open[len(a.open)-1]
	inObject := in == pythonCall || in == pythonDict
	switch c := p.rest[0]; {
	case c == pythonEnd(in) && !a.named:
		p.consume(1)
		p.argue([]byte{jsonEnd(inObject)})
		if a.open = a.open[:len(a.open)-1]; len(a.open) == 0 {
			p.endCall()
			p.read = (*Parser).pythonNext
			return true
		}
		a.some, a.comma = true, false
		return true
	case c == ',' && a.some && !a.comma && !a.named:
		p.consume(1)
		a.comma = true
		return true
	case a.some && !a.comma && !a.named:
		p.noCall()
		return true
	}
	if a.comma {
		p.argue([]byte(", "))
		a.some, a.comma = false, false
	}
	switch c := p.rest[0]; {
	case in == pythonCall && !a.named:
		return p.pythonKey()
	case c == '"' || c == '\'':
		p.consume(1)
		p.argue([]byte(`"`))
		a.quote = c
		p.read = (*Parser).pythonText
		return true
	case inObject && !a.named:
		p.noCall()
		return true
	case c == pythonList || c == pythonTuple || c == pythonDict:
		if a.open = append(a.open, c); len(a.open) > maxJSONDepth {
			p.noCall()
			return true
		}
		p.consume(1)
		p.argue([]byte{jsonEnd(c == pythonDict) - 2}) // { and [ are two before } and ]
		a.some, a.named = false, false
		return true
	}
	return p.pythonWord()
}

func pythonEnd(open byte) byte {
	switch open {
	case pythonList:
		return ']'
	case pythonDict:
		return '}'
	}
	return ')'
}

func jsonEnd(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// pythonKey reads the name of an argument up to its sign.
func (p *Parser) pythonKey() bool {
	end := bytes.IndexAny(p.rest, "=,()[]{}'\"")
	if end < 0 && len(p.rest) < maxHead {
		return false
	}
	name := strings.TrimSpace(string(p.rest[:max(0, end)]))
	if end < 0 || p.rest[end] != '=' || !isName(name) {
		p.noCall()
		return true
	}
	p.consume(end + 1)
	p.argue([]byte(quoted(name) + ": "))
	p.args.named = true
	return true
}

// pythonWord reads a number or a word: what is neither in Python nor in JSON is a text.
func (p *Parser) pythonWord() bool {
	end := bytes.IndexAny(p.rest, ",)]}")
	if end < 0 && len(p.rest) < maxHead {
		return false
	}
	word := string(bytes.TrimSpace(p.rest[:max(0, end)])) // "" is none
	if word == "" || strings.ContainsAny(word, `'"`) {
		p.noCall()
		return true
	}
	p.consume(end)
	if known, ok := pythonWords[word]; ok {
		word = known
	}
	p.argue(value([]byte(word)))
	p.args.some, p.args.named = true, false
	return true
}

var pythonWords = map[string]string{"True": "true", "False": "false", "None": "null"}

// pythonText reads a text up to its quote: that before what may follow a text, as models write others in it, too.
func (p *Parser) pythonText() bool {
	a := &p.args
	for {
		i := bytes.IndexAny(p.rest, string(a.quote)+`\`)
		if i < 0 {
			p.argue(inner(p.consume(len(p.rest))))
			return false
		}
		p.argue(inner(p.consume(i)))
		if p.rest[0] == '\\' {
			n, meaning := pythonEscape(p.rest)
			if n == 0 {
				return false
			}
			p.consume(n)
			p.argue([]byte(meaning))
			continue
		}
		behind := bytes.TrimLeft(p.rest[1:], blanks)
		if len(behind) == 0 && len(p.rest) < maxHead {
			return false
		}
		p.consume(1)
		if len(behind) > 0 && !strings.ContainsRune(",)]}:", rune(behind[0])) {
			p.argue(inner([]byte{a.quote}))
			continue
		}
		p.argue([]byte(`"`))
		if a.open[len(a.open)-1] == pythonDict && !a.named {
			p.read = (*Parser).pythonColon
			return true
		}
		a.some, a.named = true, false
		p.read = (*Parser).python
		return true
	}
}

// pythonEscapes are what characters behind a backslash mean, in JSON.
var pythonEscapes = map[byte]string{
	'\n': "", '\\': `\\`, '\'': "'", '"': `\"`, 'a': `\u0007`, 'b': `\b`, 'f': `\f`, 'n': `\n`, 'r': `\r`, 't': `\t`, 'v': `\u000b`, '/': "/",
}

// pythonEscape returns what a backslash and what is behind it mean, in JSON, and how many bytes they are; 0 where more are needed. One that means nothing is itself.
func pythonEscape(text []byte) (n int, meaning string) {
	if len(text) < 2 {
		return 0, ""
	}
	if known, ok := pythonEscapes[text[1]]; ok {
		return 2, known
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[1]]
	for i := range digits {
		if len(text) == 2+i {
			return 0, ""
		}
		if !strings.ContainsRune("0123456789abcdefABCDEF", rune(text[2+i])) {
			return 1, `\\`
		}
	}
	switch hex := string(text[2 : 2+digits]); digits {
	case 2:
		return 4, `\u00` + hex
	case 4:
		return 6, `\u` + hex
	case 8:
		r, err := strconv.ParseUint(hex, 16, 32)
		if err == nil {
			return 10, string(inner([]byte(string(rune(r)))))
		}
	}
	return 1, `\\`
}

// pythonColon reads what is between a name of an object and its value.
func (p *Parser) pythonColon() bool {
	if !p.blank() {
		return false
	}
	if p.rest[0] != ':' {
		p.noCall()
		return true
	}
	p.consume(1)
	p.argue([]byte(": "))
	p.args.named = true
	p.read = (*Parser).python
	return true
}

// pythonNext reads what is between calls, or behind the last.
func (p *Parser) pythonNext() bool {
	text := bytes.TrimLeft(p.rest, blanks+",")
	p.take(len(p.rest) - len(text))
	switch {
	case len(text) == 0:
		return false
	case text[0] == ']':
		p.take(1)
		return p.back()
	}
	p.read = (*Parser).pythonName
	return true
}
