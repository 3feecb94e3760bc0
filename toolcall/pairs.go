package toolcall

import (
	"bytes"
	"strings"
)

// startPairs begins to read call:NAME{key:value,…}.
func (p *Parser) startPairs() bool {
	if !p.blank() {
		return false
	}
	at := bytes.IndexByte(p.rest, '{')
	if at < 0 && len(p.rest) < maxHead {
		return false
	}
	name, ok := strings.CutPrefix(string(p.rest[:max(0, at)]), "call:")
	if name = strings.TrimSpace(name); at < 0 || !ok || !isName(name) {
		p.consume(max(0, at))
		p.noCall()
		return true
	}
	p.consume(at + 1)
	p.beginCall(name)
	p.argue([]byte("{"))
	p.args = argumentsReader{function: name, open: []byte{'{'}}
	p.read = (*Parser).pair
	return true
}

// pair reads a name of an object or a value, and what is between them, as JSON.
func (p *Parser) pair() bool {
	if !p.blank() {
		return false
	}
	a := &p.args
	in := a.open[len(a.open)-1]
	switch c := p.rest[0]; {
	case c == in+2 && !a.named && !a.comma: // } and ] are two behind { and [
		p.argue(p.consume(1))
		if a.open = a.open[:len(a.open)-1]; len(a.open) == 0 {
			p.endCall()
			return p.back()
		}
		a.some, a.named = true, false
		return true
	case c == ',' && a.some:
		p.argue(p.consume(1))
		a.some, a.comma = false, true
		return true
	case a.some || c == '}' || c == ']':
		p.noCall()
		return true
	case in == '{' && !a.named:
		return p.pairName()
	case c == '{' || c == '[':
		if a.open = append(a.open, c); len(a.open) > maxJSONDepth {
			p.noCall()
			return true
		}
		p.argue(p.consume(1))
		a.named, a.comma = false, false
		return true
	}
	a.comma = false
	return p.pairValue()
}

// pairName reads a name up to its colon.
func (p *Parser) pairName() bool {
	end := bytes.IndexByte(p.rest, ':')
	if end < 0 && len(p.rest) < maxHead {
		return false
	}
	name := strings.TrimSpace(string(p.rest[:max(0, end)]))
	name = strings.Trim(strings.ReplaceAll(name, p.format.quote, ""), `"`)
	if end < 0 || name == "" || strings.ContainsAny(name, "{}[],") {
		p.noCall()
		return true
	}
	p.consume(end + 1)
	p.argue([]byte(quoted(name) + ":"))
	p.args.named, p.args.comma = true, false
	return true
}

// pairValue reads a text in quotes, or a word.
func (p *Parser) pairValue() bool {
	a := &p.args
	rest := string(p.rest)
	switch quote := p.format.quote; {
	case strings.HasPrefix(rest, quote):
		p.consume(len(quote))
		p.argue([]byte(`"`))
		p.read = (*Parser).pairText
		return true
	case strings.HasPrefix(quote, rest):
		return false
	}
	end := strings.IndexAny(rest, ",}]")
	if end < 0 && len(rest) < maxHead {
		return false
	}
	if end < 0 || strings.Contains(rest[:end], `"`) {
		p.noCall()
		return true
	}
	p.argue(value(p.consume(end)))
	a.some, a.named = true, false
	return true
}

// pairText reads a text up to the quote.
func (p *Parser) pairText() bool {
	quote := p.format.quote
	end := bytes.Index(p.rest, []byte(quote))
	n := end
	if end < 0 {
		n = len(p.rest) - beginning(p.rest, []string{quote})
	}
	p.argue(inner(p.consume(n)))
	if end < 0 {
		return false
	}
	p.consume(len(quote))
	p.argue([]byte(`"`))
	p.args.some, p.args.named = true, false
	p.read = (*Parser).pair
	return true
}
