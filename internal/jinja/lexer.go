package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind is what a token is; operators are their own text.
type tokenKind string

const (
	tokenText          tokenKind = "text"
	tokenBlockBegin    tokenKind = "begin of statement block"
	tokenBlockEnd      tokenKind = "end of statement block"
	tokenVariableBegin tokenKind = "begin of print statement"
	tokenVariableEnd   tokenKind = "end of print statement"
	tokenName          tokenKind = "name"
	tokenString        tokenKind = "string"
	tokenInteger       tokenKind = "integer"
	tokenFloat         tokenKind = "float"
	tokenEnd           tokenKind = "end of template"
)

type token struct {
	kind  tokenKind
	text  string // of text, names and strings
	value Value  // of numbers
	line  int
}

func (t token) String() string {
	if t.kind == tokenName {
		return t.text
	}
	return string(t.kind)
}

// lexer splits a template into tokens, one at a time. The rules for white space around tags are those of trim_blocks and
// lstrip_blocks: a block swallows the newline behind it and the blanks before it on its line.
type lexer struct {
	source   string
	at, line int
	inside   tokenKind // the begin token of the tag we are in, "" in text
	open     []byte    // brackets to be closed
	fresh    bool      // what came before ended with a newline, or nothing did
	queue    []token
}

func newLexer(source string) *lexer {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = strings.ReplaceAll(source, "\r", "\n")
	return &lexer{source: strings.TrimSuffix(source, "\n"), line: 1, fresh: true}
}

func (l *lexer) next() token {
	for {
		if len(l.queue) > 0 {
			t := l.queue[0]
			l.queue = l.queue[1:]
			return t
		}
		if l.at >= len(l.source) {
			return token{kind: tokenEnd, line: l.line}
		}
		if l.inside == "" {
			l.outside()
		} else if t, ok := l.tag(); ok {
			return t
		}
	}
}

// advance passes n bytes.
func (l *lexer) advance(n int) {
	passed := l.source[l.at : l.at+n]
	l.line += strings.Count(passed, "\n")
	if n > 0 {
		l.fresh = passed[n-1] == '\n'
	}
	l.at += n
}

// outside reads text up to the next tag, and what begins the tag.
func (l *lexer) outside() {
	rest := l.source[l.at:]
	n := 0
	for {
		i := strings.IndexByte(rest[n:], '{')
		if i < 0 {
			l.emitText(rest)
			l.advance(len(rest))
			return
		}
		n += i
		if n+1 < len(rest) && strings.IndexByte("%{#", rest[n+1]) >= 0 {
			break
		}
		n++
	}
	text, opener := rest[:n], rest[n+1]
	sign := byte(0)
	if n+2 < len(rest) && (rest[n+2] == '-' || rest[n+2] == '+') {
		sign = rest[n+2]
	}
	l.emitText(l.beforeTag(text, sign, opener != '{'))
	l.advance(n)
	width := 2
	if sign != 0 {
		width = 3
	}
	switch opener {
	case '{':
		l.begin(tokenVariableBegin, width)
	case '#':
		l.advance(width)
		l.comment()
	default:
		if length, ok := rawBegin(l.source[l.at:]); ok {
			l.advance(length)
			l.raw()
		} else {
			l.begin(tokenBlockBegin, width)
		}
	}
}

func (l *lexer) begin(kind tokenKind, width int) {
	l.queue = append(l.queue, token{kind: kind, line: l.line})
	l.inside = kind
	l.advance(width)
}

func (l *lexer) emitText(text string) {
	if text != "" {
		l.queue = append(l.queue, token{kind: tokenText, text: text, line: l.line})
	}
}

// beforeTag returns the part of the text before a tag that stays.
func (l *lexer) beforeTag(text string, sign byte, block bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(text, isSpace)
	}
	if sign == '+' || !block {
		return text
	}
	start := strings.LastIndexByte(text, '\n') + 1
	if (start > 0 || l.fresh) && strings.TrimLeftFunc(text[start:], isSpace) == "" {
		return text[:start]
	}
	return text
}

// comment passes a comment whose begin is passed. One that the template ends in right away is none.
func (l *lexer) comment() {
	rest := l.source[l.at:]
	i := strings.Index(rest, "#}")
	if i < 0 {
		if rest != "" {
			fail(ErrSyntax, l.line, "missing end of comment tag")
		}
		return
	}
	l.advance(l.endTag(rest, i, true))
}

// endTag returns the length of rest up to behind the closing delimiter at i, with the white space that goes with it. A sign before it
// says how: "-" takes all, "+" none, without one a newline goes where trim is set.
func (l *lexer) endTag(rest string, i int, trim bool) int {
	end := i + 2
	switch {
	case i > 0 && rest[i-1] == '-':
		end += len(rest[end:]) - len(strings.TrimLeftFunc(rest[end:], isSpace))
	case i > 0 && rest[i-1] == '+':
	case trim && end < len(rest) && rest[end] == '\n':
		end++
	}
	return end
}

// rawBegin measures {% raw %} at the beginning of s.
func rawBegin(s string) (int, bool) {
	i := 2
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	blanks := func() { i += len(s[i:]) - len(strings.TrimLeftFunc(s[i:], isSpace)) }
	blanks()
	if !strings.HasPrefix(s[i:], "raw") {
		return 0, false
	}
	i += 3
	blanks()
	switch {
	case strings.HasPrefix(s[i:], "-%}"):
		i += 3
		blanks()
		return i, true
	case strings.HasPrefix(s[i:], "%}"):
		return i + 2, true
	}
	return 0, false
}

// raw reads text up to {% endraw %}.
func (l *lexer) raw() {
	rest := l.source[l.at:]
	for n := 0; ; n++ {
		i := strings.Index(rest[n:], "{%")
		if i < 0 {
			if rest != "" {
				fail(ErrSyntax, l.line, "missing end of raw directive")
			}
			return
		}
		n += i
		j, sign := n+2, byte(0)
		if j < len(rest) && (rest[j] == '-' || rest[j] == '+') {
			sign = rest[j]
			j++
		}
		blanks := func() { j += len(rest[j:]) - len(strings.TrimLeftFunc(rest[j:], isSpace)) }
		blanks()
		if !strings.HasPrefix(rest[j:], "endraw") {
			continue
		}
		j += len("endraw")
		blanks()
		if j < len(rest) && (rest[j] == '-' || rest[j] == '+') {
			j++
		}
		if !strings.HasPrefix(rest[j:], "%}") {
			continue
		}
		l.emitText(l.beforeTag(rest[:n], sign, true))
		l.advance(l.endTag(rest, j, true))
		return
	}
}

// tag reads a token of a tag, or passes white space.
func (l *lexer) tag() (token, bool) {
	rest := l.source[l.at:]
	if len(l.open) == 0 {
		if kind, n := l.tagEnd(rest); n > 0 {
			t := token{kind: kind, line: l.line}
			l.advance(n)
			l.inside = ""
			return t, true
		}
	}
	c, size := utf8.DecodeRuneInString(rest)
	t := token{line: l.line}
	switch {
	case isSpace(c):
		l.advance(len(rest) - len(strings.TrimLeftFunc(rest, isSpace)))
		return t, false
	case c >= '0' && c <= '9':
		l.number(&t, rest)
	case c == '_' || unicode.IsLetter(c) || c > utf8.RuneSelf && isNamePart(c):
		n := size
		for n < len(rest) {
			c, size := utf8.DecodeRuneInString(rest[n:])
			if !isNamePart(c) {
				break
			}
			n += size
		}
		t.kind, t.text = tokenName, rest[:n]
		if !isIdentifier(t.text) {
			fail(ErrSyntax, l.line, "invalid character in identifier")
		}
		l.advance(n)
	case c == '\'' || c == '"':
		n := 1
		for n < len(rest) && rest[n] != byte(c) {
			if rest[n] == '\\' {
				n++
			}
			n++
		}
		if n >= len(rest) {
			fail(ErrSyntax, l.line, "unexpected char %q", c)
		}
		t.kind, t.text = tokenString, l.unescape(rest[1:n])
		l.advance(n + 1)
	default:
		l.operator(&t, rest)
	}
	return t, true
}

// tagEnd measures the end of the tag we are in, where it is.
func (l *lexer) tagEnd(rest string) (tokenKind, int) {
	kind, closer, signs := tokenBlockEnd, "%}", "-+"
	if l.inside == tokenVariableBegin {
		kind, closer, signs = tokenVariableEnd, "}}", "-"
	}
	i := 0
	if strings.IndexByte(signs, rest[0]) >= 0 {
		i = 1
	}
	if !strings.HasPrefix(rest[i:], closer) {
		return "", 0
	}
	return kind, l.endTag(rest, i, kind == tokenBlockEnd)
}

func (l *lexer) number(t *token, rest string) {
	digits := func(n int) int { // \d+ with single underscores between
		for n < len(rest) && (isDigit(rest[n]) || rest[n] == '_' && n+1 < len(rest) && isDigit(rest[n+1])) {
			n++
		}
		return n
	}
	n := digits(0)
	end := n
	if n+1 < len(rest) && rest[n] == '.' && isDigit(rest[n+1]) {
		end = digits(n + 1)
	}
	if end < len(rest) && rest[end]|0x20 == 'e' {
		e := end + 1
		if e < len(rest) && (rest[e] == '+' || rest[e] == '-') {
			e++
		}
		if e < len(rest) && isDigit(rest[e]) {
			end = digits(e)
		}
	}
	if end > n && (l.at == 0 || l.source[l.at-1] != '.') {
		t.kind = tokenFloat
		t.value, _ = strconv.ParseFloat(strings.ReplaceAll(rest[:end], "_", ""), 64)
		l.advance(end)
		return
	}
	base := 10
	if rest[0] == '0' {
		base, n = zeroPrefixed(rest)
	}
	text := strings.ReplaceAll(rest[:n], "_", "")
	if base != 10 {
		text = text[2:]
	}
	if len(text) > 4300 {
		fail(ErrSyntax, l.line, "an integer of %d digits", len(text))
	}
	i, ok := new(big.Int).SetString(text, base)
	if !ok {
		fail(ErrSyntax, l.line, "malformed number")
	}
	t.kind, t.value = tokenInteger, fromBig(i)
	l.advance(n)
}

// zeroPrefixed measures an integer that begins with 0: one of another base, or zeros.
func zeroPrefixed(s string) (base, n int) {
	if len(s) > 1 {
		base = map[byte]int{'b': 2, 'o': 8, 'x': 16}[s[1]|0x20]
	}
	n = 2
	for base > 0 && n < len(s) && (digitValue(s[n]) < base || s[n] == '_' && n+1 < len(s) && digitValue(s[n+1]) < base) {
		n++
	}
	if base > 0 && n > 2 {
		return base, n
	}
	for n = 1; n < len(s) && (s[n] == '0' || s[n] == '_' && n+1 < len(s) && s[n+1] == '0'); n++ {
	}
	return 10, n
}

// operators, the longer ones first.
var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

var closing = map[string]byte{"(": ')', "[": ']', "{": '}'}

func (l *lexer) operator(t *token, rest string) {
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		if c, ok := closing[op]; ok {
			l.open = append(l.open, c)
		}
		if op == ")" || op == "]" || op == "}" {
			n := len(l.open)
			if n == 0 {
				fail(ErrSyntax, l.line, "unexpected '%s'", op)
			}
			if l.open[n-1] != op[0] {
				fail(ErrSyntax, l.line, "unexpected '%s', expected '%c'", op, l.open[n-1])
			}
			l.open = l.open[:n-1]
		}
		t.kind = tokenKind(op)
		l.advance(len(op))
		return
	}
	c, _ := utf8.DecodeRuneInString(rest)
	fail(ErrSyntax, l.line, "unexpected char %q", c)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digitValue returns the value of a digit in any base up to 36.
func digitValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 99
}

// isNamePart tells whether c may stand in a word; isIdentifier says whether the word is a name.
func isNamePart(c rune) bool {
	return c == '_' || unicode.In(c, unicode.L, unicode.N, unicode.Mn, unicode.Mc) || c == '·'
}

// isIdentifier is Python's str.isidentifier.
func isIdentifier(s string) bool {
	for i, c := range s {
		start := c == '_' || unicode.In(c, unicode.L, unicode.Nl, unicode.Other_ID_Start)
		if !start && (i == 0 || !unicode.In(c, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue)) {
			return false
		}
	}
	return s != ""
}
