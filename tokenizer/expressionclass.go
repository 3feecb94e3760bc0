package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// escape reads what follows a backslash outside of brackets.
func (p *expressionParser) escape() (*node, error) {
	set := &charset{fold: p.fold}
	if ok, err := p.classEscape(set); ok || err != nil {
		return &node{kind: nodeSet, set: set.finish()}, err
	}
	switch p.next() {
	case 'b':
		p.pos++
		return &node{kind: nodeWordEdge}, nil
	case 'B':
		p.pos++
		return &node{kind: nodeInWord}, nil
	case 'A':
		p.pos++
		return &node{kind: nodeTextStart}, nil
	case 'z':
		p.pos++
		return &node{kind: nodeTextEnd}, nil
	case 'Z':
		p.pos++
		return &node{kind: nodeLastLine}, nil
	case 'G':
		p.pos++
		return &node{kind: nodeFrom}, nil
	case 'N', 'O':
		if p.read() == 'N' {
			set.negated = true
			set.addRange('\n', '\n')
		} else {
			set.addClass(func(rune) bool { return true }, false)
		}
		return &node{kind: nodeSet, set: set.finish()}, nil
	case 'R':
		p.pos++
		set.addRange('\n', '\r')
		set.addRange(0x85, 0x85)
		set.addRange(0x2028, 0x2029)
		crlf := &node{kind: nodeSequence, parts: []*node{p.literal('\r'), p.literal('\n')}}
		one := &node{kind: nodeSet, set: set.finish()}
		return &node{kind: nodeAtomic, parts: []*node{{kind: nodeAlternatives, parts: []*node{crlf, one}}}}, nil
	}
	r, err := p.charEscape()
	if err != nil {
		return nil, err
	}
	return p.literal(r), nil
}

// classEscape adds to set what \s, \d, \w, \h, \p{...} and their capitals stand for, and is false if none of them comes next.
func (p *expressionParser) classEscape(set *charset) (bool, error) {
	r := p.next()
	negated := 'A' <= r && r <= 'Z'
	switch r {
	case 's', 'S':
		set.addClass(inClass(space), negated)
	case 'd', 'D':
		set.addClass(property("Nd"), negated)
	case 'w', 'W':
		set.addClass(isRegexWord, negated)
	case 'h', 'H':
		set.addClass(isHexDigit, negated)
	case 'p', 'P':
		p.pos++
		if !p.accept("{") {
			return false, fmt.Errorf("\\%c without {", r)
		}
		name, rest, closed := strings.Cut(p.text[p.pos:], "}")
		name, not := strings.CutPrefix(name, "^")
		class := property(name)
		if !closed || class == nil {
			return false, fmt.Errorf("the property %q", name)
		}
		p.pos = len(p.text) - len(rest)
		set.addClass(class, negated != not)
		return true, nil
	default:
		return false, nil
	}
	p.pos++
	return true, nil
}

// charEscape reads an escape that stands for one character.
func (p *expressionParser) charEscape() (rune, error) {
	r := p.read()
	switch r {
	case 't':
		return '\t', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 'f':
		return '\f', nil
	case 'v':
		return '\v', nil
	case 'a':
		return '\a', nil
	case 'e':
		return 0x1b, nil
	case 'u':
		return p.hex(4, 4)
	case 'x':
		if p.accept("{") {
			r, err := p.hex(1, 8)
			if err == nil && !p.accept("}") {
				err = errors.New("\\x{ without }")
			}
			return r, err
		}
		return p.hex(1, 2)
	case -1:
		return 0, errors.New("a \\ at the end")
	case '1', '2', '3', '4', '5', '6', '7', '8', '9', 'k':
		return 0, errBackReference
	}
	if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '0' {
		return 0, fmt.Errorf("\\%c", r)
	}
	return r, nil
}

// hex reads a character's number of min to max hexadecimal digits.
func (p *expressionParser) hex(min, max int) (rune, error) {
	n := 0
	for n < max && isHexDigit(rune(p.at(n))) {
		n++
	}
	value, err := strconv.ParseUint(p.text[p.pos:p.pos+n], 16, 32)
	if n < min || err != nil || value > utf8.MaxRune || !utf8.ValidRune(rune(value)) || min == 1 && max == 2 && value >= utf8.RuneSelf {
		return 0, errors.New("a malformed hexadecimal number")
	}
	p.pos += n
	return rune(value), nil
}

// at returns the byte n behind the next one, 0 at the end.
func (p *expressionParser) at(n int) byte {
	if p.pos+n >= len(p.text) {
		return 0
	}
	return p.text[p.pos+n]
}

// brackets reads a set up to its closing bracket; the opening one has been read.
func (p *expressionParser) brackets() (*charset, error) {
	if p.depth++; p.depth > maxExpressionDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxExpressionDepth)
	}
	defer func() { p.depth-- }()
	set := &charset{fold: p.fold, negated: p.accept("^")}
	part := set // what && divides
	var sides []*charset
	for first := true; ; first = false {
		switch {
		case p.pos >= len(p.text):
			return nil, errors.New("a [ without ]")
		case p.next() == ']' && first:
			return nil, errors.New("a ] that begins a set")
		case p.accept("]"):
			if sides != nil {
				for i, side := range append(sides, part) {
					sides = append(sides[:i], side.finish())
				}
				set.items = nil
				set.addClass(func(r rune) bool {
					for _, side := range sides {
						if !side.has(r) {
							return false
						}
					}
					return true
				}, false)
			}
			return set.finish(), nil
		case p.accept("&&"):
			if sides == nil { // what came before is the first side
				part = &charset{fold: p.fold, items: set.items}
			}
			sides = append(sides, part)
			part = &charset{fold: p.fold}
			continue
		case p.accept("[:"):
			if err := p.posix(part); err != nil {
				return nil, err
			}
			continue
		case p.accept("["):
			inner, err := p.brackets()
			if err != nil {
				return nil, err
			}
			part.addClass(inner.has, false)
			continue
		}
		if err := p.bracketItem(part); err != nil {
			return nil, err
		}
	}
}

// posix reads [:name:] behind its colon.
func (p *expressionParser) posix(set *charset) error {
	name, rest, closed := strings.Cut(p.text[p.pos:], ":]")
	name, not := strings.CutPrefix(name, "^")
	switch name {
	case "alpha", "upper", "lower", "digit", "alnum", "word", "xdigit", "space", "blank", "ascii":
	default:
		return fmt.Errorf("the POSIX bracket %q", name)
	}
	if !closed {
		return errors.New("a [: without :]")
	}
	p.pos = len(p.text) - len(rest)
	set.addClass(property(name), not)
	return nil
}

// bracketItem reads a character, a range or a class.
func (p *expressionParser) bracketItem(set *charset) error {
	first, class, err := p.bracketChar(set)
	if err != nil || class {
		if class && p.at(0) == '-' && p.at(1) != ']' {
			return errors.New("a range that begins with a class")
		}
		return err
	}
	if p.at(0) != '-' || p.at(1) == ']' || p.at(1) == 0 || p.at(1) == '[' || p.at(1) == '&' && p.at(2) == '&' {
		set.addRange(first, first)
		return nil
	}
	p.pos++
	last, class, err := p.bracketChar(set)
	switch {
	case err != nil:
		return err
	case class:
		return errors.New("a range that ends with a class")
	case last < first:
		return errors.New("a range that ends before it begins")
	}
	set.addRange(first, last)
	return nil
}

// bracketChar reads a character, or adds a class to set.
func (p *expressionParser) bracketChar(set *charset) (r rune, class bool, err error) {
	if r = p.read(); r != '\\' {
		return r, false, nil
	}
	if class, err = p.classEscape(set); class || err != nil {
		return 0, class, err
	}
	if p.accept("b") {
		return '\b', false, nil
	}
	r, err = p.charEscape()
	return r, false, err
}
