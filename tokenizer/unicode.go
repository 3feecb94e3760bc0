package tokenizer

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// validUTF8 returns s with U+FFFD for each maximal part of an ill-formed sequence (Unicode 15, section 3.9), as Rust and Python do.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n <= 1 {
			n = illFormed(s)
			b.WriteRune(utf8.RuneError)
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// illFormed returns the length of the maximal ill-formed part that s begins with: the longest prefix of some character, at least one byte.
func illFormed(s string) int {
	n := 1
	for n < len(s) && n < utf8.UTFMax && !utf8.FullRuneInString(s[:n]) {
		if !utf8.FullRuneInString(s[:n+1]) {
			n++
			continue
		}
		if r, size := utf8.DecodeRuneInString(s[:n+1]); r == utf8.RuneError && size <= 1 {
			return n // the next byte does not continue it
		}
		n++
	}
	return n
}

// class is the set of character classes that patterns speak of.
type class uint16

const (
	upper    class = 1 << iota // \p{Lu}, \p{Lt}
	lower                      // \p{Ll}
	caseless                   // \p{Lm}, \p{Lo}
	mark                       // \p{M}
	number                     // \p{N}
	punct                      // \p{P}
	symbol                     // \p{S}
	space                      // \s
	newline                    // \r, \n
	letter   = upper | lower | caseless
)

// classTable holds the classes of the first two Unicode planes.
type classTable [0x20000]class

// classes is made on first use and never changes.
var classes = sync.OnceValue(func() *classTable {
	t := new(classTable)
	for _, c := range []struct {
		table *unicode.RangeTable
		class class
	}{
		{unicode.Lu, upper}, {unicode.Lt, upper}, {unicode.Ll, lower}, {unicode.Lm, caseless}, {unicode.Lo, caseless},
		{unicode.M, mark}, {unicode.N, number}, {unicode.P, punct}, {unicode.S, symbol}, {unicode.White_Space, space},
	} {
		for _, r := range c.table.R16 {
			t.set(rune(r.Lo), rune(r.Hi), rune(r.Stride), c.class)
		}
		for _, r := range c.table.R32 {
			t.set(rune(r.Lo), rune(r.Hi), rune(r.Stride), c.class)
		}
	}
	for _, n := range unicode16 {
		t.set(n.first, n.last, 1, n.class)
	}
	t['\r'] |= newline
	t['\n'] |= newline
	return t
})

func (t *classTable) set(first, last, stride rune, c class) {
	for r := first; r <= last && int(r) < len(t); r += stride {
		t[r] |= c
	}
}

// at returns the class of the character at s[i:] and its length; 0, 0 at the end.
func (t *classTable) at(s string, i int) (class, int) {
	if i >= len(s) {
		return 0, 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		return t[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if int(r) < len(t) {
		return t[r], n
	}
	return highClass(r), n
}

// highClass is at for the planes behind the table: ideographs and variation selectors.
func highClass(r rune) class {
	switch {
	case unicode.Is(unicode.Lo, r), newer(r) != 0:
		return caseless
	case unicode.Is(unicode.M, r):
		return mark
	}
	return 0
}

// unicode16 are the characters of the classes above that came with Unicode 15.1 and 16, in order; Go 1.26 knows Unicode 15.
var unicode16 = []struct {
	first, last rune
	class       class
}{
	{0x897, 0x897, mark}, {0x1b4e, 0x1b4f, punct}, {0x1b7f, 0x1b7f, punct}, {0x1c89, 0x1c89, upper}, {0x1c8a, 0x1c8a, lower},
	{0x2427, 0x2429, symbol}, {0x2ffc, 0x2fff, symbol}, {0x31e4, 0x31e5, symbol}, {0x31ef, 0x31ef, symbol}, {0xa7cb, 0xa7cc, upper},
	{0xa7cd, 0xa7cd, lower}, {0xa7da, 0xa7da, upper}, {0xa7db, 0xa7db, lower}, {0xa7dc, 0xa7dc, upper}, {0x105c0, 0x105f3, caseless},
	{0x10d40, 0x10d49, number}, {0x10d4a, 0x10d4f, caseless}, {0x10d50, 0x10d65, upper}, {0x10d69, 0x10d6d, mark},
	{0x10d6e, 0x10d6e, punct}, {0x10d6f, 0x10d6f, caseless}, {0x10d70, 0x10d85, lower}, {0x10d8e, 0x10d8f, symbol},
	{0x10ec2, 0x10ec4, caseless}, {0x10efc, 0x10efc, mark}, {0x11380, 0x11389, caseless}, {0x1138b, 0x1138b, caseless},
	{0x1138e, 0x1138e, caseless}, {0x11390, 0x113b5, caseless}, {0x113b7, 0x113b7, caseless}, {0x113b8, 0x113c0, mark},
	{0x113c2, 0x113c2, mark}, {0x113c5, 0x113c5, mark}, {0x113c7, 0x113ca, mark}, {0x113cc, 0x113d0, mark}, {0x113d1, 0x113d1, caseless},
	{0x113d2, 0x113d2, mark}, {0x113d3, 0x113d3, caseless}, {0x113d4, 0x113d5, punct}, {0x113d7, 0x113d8, punct},
	{0x113e1, 0x113e2, mark}, {0x116d0, 0x116e3, number}, {0x11bc0, 0x11be0, caseless}, {0x11be1, 0x11be1, punct},
	{0x11bf0, 0x11bf9, number}, {0x11f5a, 0x11f5a, mark}, {0x13460, 0x143fa, caseless}, {0x16100, 0x1611d, caseless},
	{0x1611e, 0x1612f, mark}, {0x16130, 0x16139, number}, {0x16d40, 0x16d6c, caseless}, {0x16d6d, 0x16d6f, punct},
	{0x16d70, 0x16d79, number}, {0x18cff, 0x18cff, caseless}, {0x1cc00, 0x1ccef, symbol}, {0x1ccf0, 0x1ccf9, number},
	{0x1cd00, 0x1ceb3, symbol}, {0x1e5d0, 0x1e5ed, caseless}, {0x1e5ee, 0x1e5ef, mark}, {0x1e5f0, 0x1e5f0, caseless},
	{0x1e5f1, 0x1e5fa, number}, {0x1e5ff, 0x1e5ff, punct}, {0x1f8b2, 0x1f8bb, symbol}, {0x1f8c0, 0x1f8c1, symbol},
	{0x1fa89, 0x1fa89, symbol}, {0x1fa8f, 0x1fa8f, symbol}, {0x1fabe, 0x1fabe, symbol}, {0x1fac6, 0x1fac6, symbol},
	{0x1fadc, 0x1fadc, symbol}, {0x1fadf, 0x1fadf, symbol}, {0x1fae9, 0x1fae9, symbol}, {0x1fbcb, 0x1fbef, symbol},
	{0x2ebf0, 0x2ee5d, caseless},
}

// newer returns the class of a character in unicode16, and 0 for all others.
func newer(r rune) class {
	lo, hi := 0, len(unicode16)
	for lo < hi {
		switch mid := (lo + hi) / 2; {
		case r < unicode16[mid].first:
			hi = mid
		case r > unicode16[mid].last:
			lo = mid + 1
		default:
			return unicode16[mid].class
		}
	}
	return 0
}

// standIn returns an older character of the same class for one that the regular expression engine does not know yet.
func standIn(r rune) rune {
	if r < 0x897 {
		return r
	}
	switch newer(r) {
	case upper:
		return 'Ա'
	case lower:
		return 'ա'
	case caseless:
		return 'ᐁ'
	case mark:
		return 0x0900
	case number:
		return '०'
	case punct:
		return '।'
	case symbol:
		return '৺'
	}
	return r
}

// isWord is \w of Unicode Technical Standard 18.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	return unicode.In(r, unicode.L, unicode.Other_Alphabetic, unicode.Nl, unicode.M, unicode.Nd, unicode.Pc, unicode.Join_Control) ||
		newer(r)&(letter|mark|number) != 0
}

// isNumeric is Rust's char::is_numeric.
func isNumeric(r rune) bool { return unicode.IsNumber(r) || newer(r) == number }

// isPunctuation is that of the Punctuation pre-tokenizer: ASCII's, and \p{P} of Unicode 8.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return unicode.IsPunct(r) || unicode.IsSymbol(r)
	}
	switch r {
	case 0x166d, 0x111c9:
		return true
	}
	return unicode.IsPunct(r) && !latePunctuation.has(r)
}
