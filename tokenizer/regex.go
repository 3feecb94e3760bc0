package tokenizer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// span is a part s[start:end] of a text, in bytes.
type span struct{ start, end int }

// pattern finds its matches in a text.
type pattern interface {
	// find appends the matches in s to dst: leftmost first, not overlapping, in order.
	find(dst []span, s string) []span
}

// literal is a text that is looked for as it is; it is not empty.
type literal string

func (l literal) find(dst []span, s string) []span {
	for i := 0; ; {
		j := strings.Index(s[i:], string(l))
		if j < 0 {
			return dst
		}
		i += j
		dst = append(dst, span{i, i + len(l)})
		i += len(l)
	}
}

// runes matches each single character for which it is true.
type runes func(rune) bool

func (f runes) find(dst []span, s string) []span {
	for i, r := range s {
		if f(r) {
			dst = append(dst, span{i, i + utf8.RuneLen(r)})
		}
	}
	return dst
}

// expression is a regular expression in the syntax of Oniguruma, which tokenizer.json speaks, run by regexp2.
type expression struct{ re *regexp2.Regexp }

// maxBacktracking bounds the memory of one match, in entries of the stack.
const maxBacktracking = 1 << 24

// newPattern compiles a regular expression: a scanner written by hand if there is one, else an expression.
func newPattern(expr string) (pattern, error) {
	if match, ok := scanners[expr]; ok {
		return scanner{match, classes()}, nil
	}
	return newExpression(expr)
}

func newExpression(expr string) (expression, error) {
	translated, err := translate(expr)
	if err != nil {
		return expression{}, fmt.Errorf("%w: regular expression %q: %v", ErrUnsupported, expr, err)
	}
	// Oniguruma's ^ and $ always stand at the ends of lines.
	re, err := regexp2.Compile(translated, regexp2.Multiline, regexp2.OptionMaxBacktrackingStackSize(maxBacktracking))
	if err != nil {
		return expression{}, fmt.Errorf("%w: regular expression %q: %v", ErrUnsupported, expr, err)
	}
	return expression{re}, nil
}

// wordClass is Oniguruma's \w inside brackets.
const wordClass = `\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}²³¹¼½¾Ⓐ-ⓩ🄰-🅉🅐-🅩🅰-🆉`

// interval is {n}, {n,} or {n,m} with a + behind, which Oniguruma repeats and everyone else takes for possessive.
var interval = regexp.MustCompile(`^\{\d*,?\d*\}\+`)

// translate writes an expression for Oniguruma in the syntax of regexp2.
func translate(expr string) (string, error) {
	var b strings.Builder
	depth := 0 // of brackets
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\' && i+1 < len(expr):
			i++
			b.WriteString(translateEscape(expr[i], depth > 0))
			continue
		case c == '[' && strings.HasPrefix(expr[i:], "[:") && depth > 0:
			return "", errors.New("POSIX brackets")
		case c == '[':
			if depth++; depth > 1 {
				return "", errors.New("nested brackets")
			}
		case c == ']' && depth > 0:
			depth--
		case c == '&' && depth > 0 && strings.HasPrefix(expr[i:], "&&"):
			return "", errors.New("an intersection of brackets")
		case c == '{' && depth == 0 && interval.MatchString(expr[i:]):
			return "", errors.New("a repeated interval")
		}
		b.WriteByte(expr[i])
	}
	return b.String(), nil
}

// translateEscape returns what \c is.
func translateEscape(c byte, inBrackets bool) string {
	class, negated := "", false
	switch c {
	case 'w', 'W':
		class, negated = wordClass, c == 'W'
	case 'h', 'H':
		class, negated = "0-9A-Fa-f", c == 'H'
	}
	switch {
	case class == "", negated && inBrackets:
		return string([]byte{'\\', c})
	case inBrackets:
		return class
	case negated:
		return "[^" + class + "]"
	}
	return "[" + class + "]"
}

// find gives up, with the matches so far, where a match would take too much memory.
func (e expression) find(dst []span, s string) []span {
	text := make([]rune, 0, len(s))
	for _, r := range s {
		text = append(text, standIn(r))
	}
	at, offset := 0, 0 // the same place, in runes and in bytes
	forward := func(to int) int {
		for ; at < to; at++ {
			_, n := utf8.DecodeRuneInString(s[offset:])
			offset += n
		}
		return offset
	}
	_ = e.re.FindRunesMatches(text, 0, func(m regexp2.MatchView) bool {
		index, length, ok := m.GroupRange(0)
		if ok {
			start := forward(index)
			dst = append(dst, span{start, forward(index + length)})
		}
		return ok
	})
	return dst
}

// replaceAll returns s with content in the place of each match.
func replaceAll(s string, p pattern, content string) string {
	if l, ok := p.(literal); ok {
		return strings.ReplaceAll(s, string(l), content)
	}
	matches := p.find(nil, s)
	if len(matches) == 0 {
		return s
	}
	var b strings.Builder
	last := 0
	for _, m := range matches {
		b.WriteString(s[last:m.start])
		b.WriteString(content)
		last = m.end
	}
	b.WriteString(s[last:])
	return b.String()
}
