package toolcall

import (
	"bytes"
	"strings"
)

// The marks of gpt-oss's form, harmony: what is said is messages, each to somebody in a channel.
const (
	startMark     = "<|start|>"
	channelMark   = "<|channel|>"
	constrainMark = "<|constrain|>"
	messageMark   = "<|message|>"
	endMark       = "<|end|>"
	callMark      = "<|call|>"
	returnMark    = "<|return|>"
)

// header reads what is before a message.
func (p *Parser) header() bool {
	at := bytes.Index(p.rest, []byte(messageMark))
	if at < 0 {
		if len(p.rest) < maxHead && !p.final {
			return false
		}
		begun := bytes.HasPrefix(p.rest, []byte(startMark))
		if begun && p.final { // only marks of a message that has not come
			p.take(len(p.rest))
			return false
		}
		p.last = Text // no message comes: it is text
		p.trim = false
		p.read = (*Parser).message
		if begun {
			p.say(Text, p.take(len(startMark)))
		}
		return len(p.rest) > 0
	}
	head := string(p.take(at + len(messageMark))[:at])
	_, channel, _ := strings.Cut(head, channelMark)
	channel = word(channel)
	_, recipient, _ := strings.Cut(head, " to=")
	recipient = word(recipient)
	p.read = (*Parser).message
	switch {
	case recipient != "" && len(p.functions) > 0:
		name := strings.TrimPrefix(recipient, "functions.")
		p.call = append(append(p.call[:0], head...), messageMark...)
		if !isName(name) {
			p.noCall()
			return true
		}
		p.args = argumentsReader{function: name}
		p.json = jsonScanner{}
		p.read = (*Parser).channelCall
	case channel == "analysis":
		p.turn(Reasoning)
	default:
		p.turn(Text)
	}
	return true
}

// word returns the first word of a header's part.
func word(text string) string {
	text = strings.TrimLeft(text, " ")
	if i := strings.IndexAny(text, " <\n"); i >= 0 {
		text = text[:i]
	}
	return text
}

// message reads a message's text.
func (p *Parser) message() bool {
	before, mark := p.upTo(endMark, callMark, returnMark, startMark)
	p.say(p.last, before)
	if mark == "" {
		return false
	}
	if mark != startMark {
		p.take(len(mark))
	}
	if p.last == Text && !p.trim && len(p.blanks) > 0 {
		p.emit(Text, p.blanks)
	}
	p.turn(Text)
	p.read = (*Parser).header
	return true
}

// channelCall reads the arguments of a message to a function.
func (p *Parser) channelCall() bool {
	if !p.begun {
		if !p.blank() {
			return false
		}
		if p.rest[0] != '{' {
			p.noCall()
			return true
		}
		p.beginCall(p.args.function)
	}
	for i, c := range p.rest {
		if !p.json.next(c) {
			p.argue(p.consume(i))
			p.noCall()
			return true
		}
		if p.json.ended {
			p.argue(p.consume(i + 1))
			p.endCall()
			p.read = (*Parser).channelEnd
			return true
		}
	}
	p.argue(p.consume(len(p.rest)))
	return false
}

// channelEnd passes over white space and the end of a message to a function.
func (p *Parser) channelEnd() bool {
	p.take(len(p.rest) - len(bytes.TrimLeft(p.rest, " \t\r\n")))
	if len(p.rest) == 0 {
		return false
	}
	p.turn(Text)
	p.read = (*Parser).message
	return true
}
