package tokenizer

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// charset is a set of characters as brackets and escapes of regular expressions describe them.
type charset struct {
	ascii   [2]uint64 // the answers for ASCII
	items   []charsetItem
	fold    bool // other cases of its members are members (simple folding; ß is not ss)
	negated bool
}

// charsetItem is a range of characters or a class.
type charsetItem struct {
	first, last rune
	class       func(rune) bool // if set, instead of the range
}

// finish makes the set ready for use.
func (s *charset) finish() *charset {
	for r := range rune(utf8.RuneSelf) {
		if s.find(r) {
			s.ascii[r/64] |= 1 << (r % 64)
		}
	}
	return s
}

func (s *charset) has(r rune) bool {
	if r < utf8.RuneSelf {
		return s.ascii[r/64]>>(r%64)&1 != 0
	}
	return s.find(r)
}

func (s *charset) find(r rune) bool {
	in := s.holds(r)
	if s.fold && !in {
		for f := unicode.SimpleFold(r); f != r && !in; f = unicode.SimpleFold(f) {
			in = s.holds(f)
		}
	}
	return in != s.negated
}

func (s *charset) holds(r rune) bool {
	for _, item := range s.items {
		if item.class != nil {
			if item.class(r) {
				return true
			}
		} else if item.first <= r && r <= item.last {
			return true
		}
	}
	return false
}

func (s *charset) addRange(first, last rune) {
	s.items = append(s.items, charsetItem{first: first, last: last})
}

func (s *charset) addClass(class func(rune) bool, negated bool) {
	if negated {
		positive := class
		class = func(r rune) bool { return !positive(r) }
	}
	s.items = append(s.items, charsetItem{class: class})
}

// of returns the class of a character.
func (t *classTable) of(r rune) class {
	if uint(r) < uint(len(t)) {
		return t[r]
	}
	return highClass(r)
}

func inClass(c class) func(rune) bool {
	t := classes()
	return func(r rune) bool { return t.of(r)&c != 0 }
}

// inTable is a general category of package unicode, with newer characters in it.
func inTable(table *unicode.RangeTable) func(rune) bool {
	return func(r rune) bool { return unicode.Is(table, standIn(r)) }
}

// isRegexWord is Oniguruma's \w.
func isRegexWord(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	case 0xb2 <= r && r <= 0xb3, r == 0xb9, 0xbc <= r && r <= 0xbe, 0x24b6 <= r && r <= 0x24e9,
		0x1f130 <= r && r <= 0x1f149, 0x1f150 <= r && r <= 0x1f169, 0x1f170 <= r && r <= 0x1f189:
		return true
	}
	return unicode.In(standIn(r), unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc)
}

func isHexDigit(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F'
}

// property returns the class that \p{name} or [:name:] speaks of, or nil. Case, spaces, hyphens and underscores do not count.
func property(name string) func(rune) bool {
	return properties()[strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(name))]
}

// properties is made on first use and never changes.
var properties = sync.OnceValue(func() map[string]func(rune) bool {
	plain := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
	all := map[string]func(rune) bool{}
	for name, table := range unicode.Properties {
		all[plain(name)] = func(r rune) bool { return unicode.Is(table, r) }
	}
	for name, table := range unicode.Scripts {
		all[plain(name)] = func(r rune) bool { return unicode.Is(table, r) }
	}
	for name, table := range unicode.Categories {
		all[plain(name)] = inTable(table)
	}
	for alias, name := range unicode.CategoryAliases {
		all[plain(alias)] = inTable(unicode.Categories[name])
	}
	for name, c := range map[string]class{"l": letter, "letter": letter, "m": mark, "mark": mark, "n": number, "number": number,
		"s": symbol, "symbol": symbol, "space": space, "whitespace": space} {
		all[name] = inClass(c)
	}
	// Derived properties, by their definitions in Unicode Standard Annex 44.
	or := func(parts ...func(rune) bool) func(rune) bool {
		return func(r rune) bool {
			for _, in := range parts {
				if in(r) {
					return true
				}
			}
			return false
		}
	}
	all["alphabetic"] = or(all["l"], all["nl"], all["otheralphabetic"])
	all["uppercase"] = or(all["lu"], all["otheruppercase"])
	all["lowercase"] = or(all["ll"], all["otherlowercase"])
	// POSIX brackets as Oniguruma has them (doc/RE).
	all["alpha"], all["upper"], all["lower"], all["digit"] = all["alphabetic"], all["uppercase"], all["lowercase"], all["nd"]
	all["alnum"] = or(all["alphabetic"], all["nd"])
	all["word"], all["xdigit"] = isRegexWord, isHexDigit
	all["blank"] = or(all["zs"], func(r rune) bool { return r == '\t' })
	all["ascii"] = func(r rune) bool { return r < utf8.RuneSelf }
	all["any"] = func(rune) bool { return true }
	for _, unsure := range []string{"cntrl", "graph", "print", "c", "cn", "other", "unassigned"} { // versions differ
		delete(all, unsure)
	}
	return all
})
