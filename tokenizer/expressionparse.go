package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is a part of a regular expression.
type node struct {
	kind     nodeKind
	set      *charset // of a character
	parts    []*node  // of a sequence or alternatives; else the one inside
	min, max int      // of a repetition; max -1: any number
	greed    greed
	negative bool // of a look around
}

type nodeKind int

const (
	nodeSet nodeKind = iota
	nodeSequence
	nodeAlternatives
	nodeRepeat
	nodeAtomic
	nodeLookAhead
	nodeLookBehind
	nodeLineStart // ^
	nodeLineEnd   // $
	nodeTextStart // \A
	nodeTextEnd   // \z
	nodeLastLine  // \Z: the end, or before a line end that is there
	nodeWordEdge  // \b
	nodeInWord    // \B
	nodeFrom      // \G: where the search began
)

// greed is what a repetition prefers.
type greed int

const (
	greedy greed = iota
	lazy
	possessive
)

const (
	maxExpression       = 1 << 16 // bytes; those of known models have less than 4,000
	maxExpressionDepth  = 64
	maxExpressionRepeat = 1000
)

// expressionParser reads a regular expression in Oniguruma's syntax (doc/RE there), in its own default dialect.
type expressionParser struct {
	text   string
	pos    int
	depth  int
	fold   bool // (?i)
	dotAll bool // (?m), which others call s
}

var errBackReference = errors.New("a back-reference")

// parseExpression returns the tree of an expression, or what in it is not supported or malformed.
func parseExpression(text string) (*node, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(text), maxExpression)
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("not UTF-8")
	}
	p := &expressionParser{text: text}
	n, err := p.alternatives()
	if err == nil && p.pos < len(text) {
		err = errors.New("a ) without (")
	}
	return n, err
}

// next returns the next character without reading it, -1 at the end.
func (p *expressionParser) next() rune {
	if p.pos >= len(p.text) {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return r
}

func (p *expressionParser) read() rune {
	if p.pos >= len(p.text) {
		return -1
	}
	r, n := utf8.DecodeRuneInString(p.text[p.pos:])
	p.pos += n
	return r
}

// accept reads s if it comes next.
func (p *expressionParser) accept(s string) bool {
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// alternatives reads up to a closing parenthesis or the end. Options set inside end there.
func (p *expressionParser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxExpressionDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxExpressionDepth)
	}
	fold, dotAll := p.fold, p.dotAll
	defer func() { p.fold, p.dotAll = fold, dotAll; p.depth-- }()
	var all []*node
	sequence := &node{kind: nodeSequence}
	for {
		switch p.next() {
		case -1, ')':
			if all == nil {
				return sequence, nil
			}
			return &node{kind: nodeAlternatives, parts: append(all, sequence)}, nil
		case '|':
			p.pos++
			all = append(all, sequence)
			sequence = &node{kind: nodeSequence}
			continue
		}
		atom, err := p.atom()
		if err != nil {
			return nil, err
		}
		if atom == nil { // a comment or options
			continue
		}
		if atom, err = p.quantified(atom); err != nil {
			return nil, err
		}
		sequence.parts = append(sequence.parts, atom)
	}
}

// quantified reads the quantifiers behind an atom.
func (p *expressionParser) quantified(atom *node) (*node, error) {
	for levels := 0; ; levels++ {
		if p.depth+levels > maxExpressionDepth {
			return nil, fmt.Errorf("nested deeper than %d", maxExpressionDepth)
		}
		repeat := &node{kind: nodeRepeat, parts: []*node{atom}}
		interval := false
		switch p.next() {
		case '*':
			p.pos++
			repeat.min, repeat.max = 0, -1
		case '+':
			p.pos++
			repeat.min, repeat.max = 1, -1
		case '?':
			p.pos++
			repeat.min, repeat.max = 0, 1
		case '{':
			ok, err := p.interval(repeat)
			if err != nil {
				return nil, err
			}
			if !ok {
				return atom, nil // a brace that stands for itself
			}
			interval = true
		default:
			return atom, nil
		}
		switch {
		case interval && repeat.min == repeat.max: // {n}? is (?:{n})?
		case p.accept("?"):
			repeat.greed = lazy
		case !interval && p.accept("+"): // {n,m}+ is (?:{n,m})+
			repeat.greed = possessive
		}
		atom = repeat
	}
}

// interval reads {n}, {n,}, {,m} or {n,m}; it is false for anything else, which stands for itself.
func (p *expressionParser) interval(repeat *node) (bool, error) {
	inside, _, closed := strings.Cut(p.text[p.pos+1:], "}")
	low, high, comma := strings.Cut(inside, ",")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	if !closed || !digits(low) || !digits(high) || low == "" && high == "" {
		return false, nil
	}
	number := func(s string, absent int) (int, error) {
		if s == "" {
			return absent, nil
		}
		n, err := strconv.Atoi(s)
		if err != nil || n > maxExpressionRepeat {
			return 0, fmt.Errorf("more than %d repetitions", maxExpressionRepeat)
		}
		return n, nil
	}
	var err error
	if repeat.min, err = number(low, 0); err != nil {
		return false, err
	}
	if repeat.max = repeat.min; comma {
		if repeat.max, err = number(high, -1); err != nil {
			return false, err
		}
	}
	if repeat.max >= 0 && repeat.max < repeat.min {
		return false, fmt.Errorf("{%s}", inside)
	}
	p.pos += len(inside) + 2
	return true, nil
}

// atom reads what a quantifier may follow; nil for a comment or options.
func (p *expressionParser) atom() (*node, error) {
	switch r := p.read(); r {
	case '(':
		return p.group()
	case '[':
		set, err := p.brackets()
		return &node{kind: nodeSet, set: set}, err
	case '.':
		set := &charset{negated: !p.dotAll}
		if p.dotAll {
			set.addClass(func(rune) bool { return true }, false)
		} else {
			set.addRange('\n', '\n')
		}
		return &node{kind: nodeSet, set: set.finish()}, nil
	case '^':
		return &node{kind: nodeLineStart}, nil
	case '$':
		return &node{kind: nodeLineEnd}, nil
	case '\\':
		return p.escape()
	case '*', '+', '?':
		return nil, errors.New("a quantifier of nothing")
	default:
		return p.literal(r), nil
	}
}

func (p *expressionParser) literal(r rune) *node {
	set := &charset{fold: p.fold}
	set.addRange(r, r)
	return &node{kind: nodeSet, set: set.finish()}
}

// group reads what begins with a parenthesis, which has been read.
func (p *expressionParser) group() (*node, error) {
	kind, negative := nodeSequence, false
	switch {
	case p.accept("?#"):
		_, rest, closed := strings.Cut(p.text[p.pos:], ")")
		if !closed {
			return nil, errors.New("a comment without end")
		}
		p.pos = len(p.text) - len(rest)
		return nil, nil
	case p.accept("?:"):
	case p.accept("?="):
		kind = nodeLookAhead
	case p.accept("?!"):
		kind, negative = nodeLookAhead, true
	case p.accept("?<="):
		kind = nodeLookBehind
	case p.accept("?<!"):
		kind, negative = nodeLookBehind, true
	case p.accept("?>"):
		kind = nodeAtomic
	case p.accept("?<"):
		name, rest, closed := strings.Cut(p.text[p.pos:], ">")
		if !closed || name == "" || strings.ContainsAny(name, "()<") {
			return nil, errors.New("a group with a malformed name")
		}
		p.pos = len(p.text) - len(rest)
	case p.accept("?"):
		return p.options()
	case strings.HasPrefix(p.text[p.pos:], "*"):
		return nil, errors.New("a callout")
	}
	inside, err := p.inside()
	if err != nil {
		return nil, err
	}
	return &node{kind: kind, parts: []*node{inside}, negative: negative}, nil
}

// inside reads the rest of a group.
func (p *expressionParser) inside() (*node, error) {
	n, err := p.alternatives()
	if err == nil && !p.accept(")") {
		err = errors.New("a ( without )")
	}
	return n, err
}

// options reads (?i), (?m-i) or (?i:...) behind its question mark.
func (p *expressionParser) options() (*node, error) {
	fold, dotAll, on := p.fold, p.dotAll, true
	for {
		switch r := p.read(); r {
		case '-':
			on = false
		case 'i':
			fold = on
		case 'm':
			dotAll = on
		case ':':
			oldFold, oldDotAll := p.fold, p.dotAll
			p.fold, p.dotAll = fold, dotAll
			n, err := p.inside()
			p.fold, p.dotAll = oldFold, oldDotAll
			return n, err
		case ')': // up to the end of the group, alternatives included: (?i)a|b is (?i:a|b)
			p.fold, p.dotAll = fold, dotAll
			return nil, nil
		default:
			return nil, fmt.Errorf("(?%c", r)
		}
	}
}
