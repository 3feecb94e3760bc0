package jinja

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescape reads the inside of a string literal as Jinja2 does: what is not ASCII becomes an escape first, then all escapes are
// Python's. Half a surrogate pair is refused: no tokenizer takes it.
func (l *lexer) unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var ascii strings.Builder
	for i, c := range s {
		switch {
		case c < utf8.RuneSelf:
			ascii.WriteByte(byte(c))
		case i > 0 && s[i-1] == '\\': // only here does the detour matter
			switch {
			case c <= 0xFF:
				fmt.Fprintf(&ascii, `\x%02x`, c)
			case c <= 0xFFFF:
				fmt.Fprintf(&ascii, `\u%04x`, c)
			default:
				fmt.Fprintf(&ascii, `\U%08x`, c)
			}
		default:
			ascii.WriteRune(c)
		}
	}
	s = ascii.String()
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case '\n':
		case '\\', '\'', '"':
			out.WriteByte(c)
		case 'a', 'b', 'f', 'n', 'r', 't', 'v':
			out.WriteByte(map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}[c])
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := i
			for n < len(s) && n < i+3 && s[n] >= '0' && s[n] <= '7' {
				n++
			}
			v, _ := strconv.ParseUint(s[i:n], 8, 32)
			out.WriteRune(rune(v))
			i = n - 1
		case 'x', 'u', 'U':
			n := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			if i+n >= len(s) {
				fail(ErrSyntax, l.line, "truncated \\%c escape", c)
			}
			v, err := strconv.ParseUint(s[i+1:i+1+n], 16, 32)
			if err != nil || v > utf8.MaxRune {
				fail(ErrSyntax, l.line, "malformed \\%c escape", c)
			}
			if v >= 0xD800 && v < 0xE000 {
				fail(ErrSyntax, l.line, "half a surrogate pair: \\%c%s", c, s[i+1:i+1+n])
			}
			out.WriteRune(rune(v))
			i += n
		case 'N':
			fail(ErrUnsupported, l.line, `\N{...} in a string`)
		default:
			out.WriteByte('\\')
			out.WriteByte(c)
		}
	}
	return out.String()
}
