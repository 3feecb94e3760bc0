package jinja

import (
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// str is Python's str(): how a value is printed.
func (m *meter) str(v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case markup:
		return string(v)
	case *undefined:
		return ""
	}
	var b strings.Builder
	m.repr(&b, v)
	return b.String()
}

// reprOf is Python's repr().
func (m *meter) reprOf(v Value) string {
	var b strings.Builder
	m.repr(&b, v)
	return b.String()
}

func (m *meter) repr(b *strings.Builder, v Value) {
	m.step(1)
	m.enter()
	defer m.leave()
	write := func(s string) {
		m.alloc(int64(len(s)))
		b.WriteString(s)
	}
	items := func(open, close string, n int, item func(i int)) {
		write(open)
		for i := range n {
			if i > 0 {
				write(", ")
			}
			item(i)
		}
		write(close)
	}
	switch v := v.(type) {
	case nil:
		write("None")
	case bool:
		if v {
			write("True")
		} else {
			write("False")
		}
	case int64:
		write(sprintf("%d", v))
	case *big.Int:
		m.step(v.BitLen() / 16)
		s := v.String()
		if len(strings.TrimPrefix(s, "-")) > 4300 {
			m.raise("Exceeds the limit (4300 digits) for integer string conversion")
		}
		write(s)
	case float64:
		write(floatRepr(v))
	case string:
		m.alloc(int64(4 * len(v))) // at most
		b.WriteString(quote(v))
	case markup:
		m.alloc(int64(4 * len(v)))
		b.WriteString("Markup(" + quote(string(v)) + ")")
	case *undefined:
		write("Undefined")
	case *List:
		items("[", "]", len(v.items), func(i int) { m.repr(b, v.items[i]) })
	case *tuple:
		end := ")"
		if len(v.items) == 1 {
			end = ",)"
		}
		items("(", end, len(v.items), func(i int) { m.repr(b, v.items[i]) })
	case *Dict:
		m.reprDict(b, v)
	case *namespace:
		write("<Namespace ")
		m.reprDict(b, v.attributes)
		write(">")
	case *numbers:
		if v.step == 1 {
			write(sprintf("range(%d, %d)", v.start, v.stop))
		} else {
			write(sprintf("range(%d, %d, %d)", v.start, v.stop, v.step))
		}
	case *view:
		items("dict_"+v.kind+"([", "])", len(v.dict.keys), func(i int) { m.repr(b, m.viewItem(v, i)) })
	case *macro:
		if v.name == "" {
			write("<Macro anonymous>")
		} else {
			write("<Macro " + quote(v.name) + ">")
		}
	case *loop:
		write(sprintf("<LoopContext %d/%d>", v.index0+1, v.length()))
	case *selfReference:
		write("<TemplateReference None>")
	default: // Python prints an address
		m.fail(ErrUnsupported, "printing a %s", typeName(v))
	}
}

func (m *meter) reprDict(b *strings.Builder, d *Dict) {
	b.WriteString("{")
	for i := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		m.repr(b, d.keys[i])
		b.WriteString(": ")
		m.repr(b, d.values[i])
		m.alloc(4)
	}
	b.WriteString("}")
}

// quote is Python's repr of a str.
func quote(s string) string {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	var b strings.Builder
	b.WriteByte(q)
	for _, c := range s {
		switch {
		case c == rune(q) || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case isPrintable(c):
			b.WriteRune(c)
		case c <= 0xFF:
			fmt.Fprintf(&b, `\x%02x`, c)
		case c <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte(q)
	return b.String()
}

func isPrintable(c rune) bool { return c == ' ' || unicode.IsPrint(c) }

// isSpace is Python's str.isspace.
func isSpace(c rune) bool {
	switch {
	case c >= 9 && c <= 13, c >= 0x1C && c <= 0x20, c == 0x85, c == 0xA0, c == 0x1680, c >= 0x2000 && c <= 0x200A,
		c == 0x2028, c == 0x2029, c == 0x202F, c == 0x205F, c == 0x3000:
		return true
	}
	return false
}

func runeCount(s string) int { return utf8.RuneCountInString(s) }

func runeLength(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// isASCII tells whether bytes are characters.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cut returns characters from..to of a text with n of them.
func cut(s string, from, to int) string {
	if from >= to {
		return ""
	}
	if isASCII(s) {
		return s[from:to]
	}
	start, n := len(s), 0
	for i := range s {
		if n == from {
			start = i
		}
		if n == to {
			return s[start:i]
		}
		n++
	}
	return s[start:]
}
