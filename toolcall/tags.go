package toolcall

import (
	"bytes"
	"strings"
)

// tags are what stands around the name of a function, and the names and values of its arguments.
type tags struct {
	open, endOpen   string // around a function's name; "" where nothing is
	key, endKey     string
	value, endValue string
	end             string // of the arguments
	lines           bool   // a value has lines of its own
}

var (
	xmlTags    = &tags{function, ">", parameter, ">", "", "</parameter>", "</function>", true}
	seedTags   = &tags{function, ">", parameter, ">", "", "</parameter>", "</function>", false}
	invokeTags = &tags{`<invoke name="`, `">`, `<parameter name="`, `">`, "", "</parameter>", "</invoke>", false}
	glmTags    = &tags{"", "", argKey, "</arg_key>", argValue, "</arg_value>", endToolCall, false}
)

// startTags begins to read a call between tags, by what it begins with.
func (p *Parser) startTags() bool {
	open := p.format.tags.open
	if open != "" && string(p.call) == open {
		return p.startFunction()
	}
	if !p.blank() {
		return false
	}
	switch {
	case p.rest[0] == '{':
		return p.startObject()
	case open == "":
		return p.startGLM()
	case bytes.HasPrefix(p.rest, []byte(open)):
		p.consume(len(open))
		p.read = (*Parser).startFunction
		return true
	case strings.HasPrefix(open, string(p.rest)):
		return false
	}
	p.noCall()
	return true
}

// startFunction reads the name behind <function= or its like.
func (p *Parser) startFunction() bool {
	t := p.format.tags
	return p.startTagged(bytes.Index(p.rest, []byte(t.endOpen)), len(t.endOpen), t)
}

// startGLM reads the name before <arg_key>, or before the end.
func (p *Parser) startGLM() bool {
	end := bytes.IndexByte(p.rest, '<')
	if end >= 0 && !bytes.HasPrefix(p.rest[end:], []byte(argKey)) && !bytes.HasPrefix(p.rest[end:], []byte(endToolCall)) {
		if rest := string(p.rest[end:]); strings.HasPrefix(argKey, rest) || strings.HasPrefix(endToolCall, rest) {
			return false
		}
		p.consume(end)
		p.noCall()
		return true
	}
	return p.startTagged(end, 0, glmTags)
}

// startTagged begins a call whose name goes up to a place, with so many bytes behind it.
func (p *Parser) startTagged(end, more int, t *tags) bool {
	if end < 0 && len(p.rest) < maxHead {
		p.read = (*Parser).body
		if t.open != "" {
			p.read = (*Parser).startFunction
		}
		return false
	}
	name := strings.TrimSpace(string(p.rest[:max(0, end)]))
	if end < 0 || !isName(name) {
		p.consume(max(0, end))
		p.noCall()
		return true
	}
	p.consume(end + more)
	p.beginCall(name)
	p.argue([]byte("{"))
	p.args = argumentsReader{function: name, tags: t}
	p.read = (*Parser).tagged
	return true
}

// tagged reads the name of an argument, or the end of all.
func (p *Parser) tagged() bool {
	if !p.blank() {
		return false
	}
	t := p.args.tags
	switch rest := string(p.rest[:min(len(p.rest), maxHead)]); {
	case strings.HasPrefix(rest, t.end):
		p.consume(len(t.end))
		p.argue([]byte("}"))
		p.endCall()
		if p.read = (*Parser).text; t.open != "" {
			p.read = (*Parser).tagsEnd
		}
	case strings.HasPrefix(rest, t.key):
		name, behind, ok := strings.Cut(rest[len(t.key):], t.endKey)
		trimmed := behind
		if t.value != "" {
			trimmed = strings.TrimLeft(behind, " \t\r\n")
		}
		switch {
		case (!ok || strings.HasPrefix(t.value, trimmed) && trimmed != t.value) && len(rest) < maxHead:
			return false
		case !ok || !strings.HasPrefix(trimmed, t.value):
			p.noCall()
			return true
		}
		p.consume(len(rest) - len(trimmed) + len(t.value))
		p.argument(strings.TrimSpace(name))
		p.read = (*Parser).taggedValue
	case strings.HasPrefix(t.end, rest) || strings.HasPrefix(t.key, rest):
		return false
	default:
		p.noCall()
	}
	return true
}

// argument tells of an argument's name.
func (p *Parser) argument(name string) {
	a := &p.args
	before := ""
	if a.some {
		before = ", "
	}
	p.argue([]byte(before + quoted(name) + ": "))
	a.some, a.opened, a.held, a.isText = true, false, nil, p.isText(a.function, name)
}

// taggedValue reads a value.
func (p *Parser) taggedValue() bool {
	a := &p.args
	end := bytes.Index(p.rest, []byte(a.tags.endValue))
	n := end
	if end < 0 {
		n = len(p.rest) - beginning(p.rest, []string{a.tags.endValue})
	}
	a.held = append(a.held, p.consume(n)...)
	if end >= 0 {
		p.consume(len(a.tags.endValue))
	}
	if a.isText {
		p.tellText(end >= 0)
	} else if end >= 0 {
		p.argue(value(a.held))
	}
	if end >= 0 {
		p.read = (*Parser).tagged
	}
	return end >= 0
}

// tellText tells of what is certain of a text. The line ends around it are not its own.
func (p *Parser) tellText(ended bool) {
	a := &p.args
	if !a.opened {
		if len(a.held) == 0 && !ended {
			return
		}
		a.opened = true
		p.argue([]byte(`"`))
		if a.tags.lines {
			a.held = bytes.TrimPrefix(a.held, []byte("\n"))
		}
	}
	told := len(a.held)
	if a.tags.lines && bytes.HasSuffix(a.held, []byte("\n")) {
		told--
	}
	p.argue(inner(a.held[:told]))
	a.held = append([]byte(nil), a.held[told:]...)
	if ended {
		p.argue([]byte(`"`))
	}
}
