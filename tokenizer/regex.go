package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// span is a part s[start:end] of a text, in bytes.
type span struct{ start, end int }

// pattern finds its matches in a text.
type pattern interface {
	// find appends the matches in s to dst: leftmost first, not overlapping, in order. It stops early where the work is used up.
	find(dst []span, s string, w *work) []span
}

// literal is a text that is looked for as it is; it is not empty.
type literal string

func (l literal) find(dst []span, s string, _ *work) []span {
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

func (f runes) find(dst []span, s string, _ *work) []span {
	for i, r := range s {
		if f(r) {
			dst = append(dst, span{i, i + utf8.RuneLen(r)})
		}
	}
	return dst
}

// newPattern compiles a regular expression: a scanner written by hand if there is one, else an expression.
func newPattern(expr string) (pattern, error) {
	if match, ok := scanners[expr]; ok {
		return scanner{match, classes()}, nil
	}
	return newExpression(expr)
}

// replaceAll returns s with content in the place of each match.
func replaceAll(s string, p pattern, content string, w *work) string {
	if l, ok := p.(literal); ok {
		if n := strings.Count(s, string(l)); n == 0 || !w.grow(n*(len(content)-len(l))) {
			return s
		}
		return strings.ReplaceAll(s, string(l), content)
	}
	matches := p.find(nil, s, w)
	size := len(s)
	for _, m := range matches {
		size += len(content) - (m.end - m.start)
	}
	if len(matches) == 0 || !w.grow(size-len(s)) {
		return s
	}
	var b strings.Builder
	b.Grow(size)
	last := 0
	for _, m := range matches {
		b.WriteString(s[last:m.start])
		b.WriteString(content)
		last = m.end
	}
	b.WriteString(s[last:])
	return b.String()
}
