package tokenizer

import (
	"strings"
	"unicode"
)

// normalizer rewrites a text before it is cut into pieces.
type normalizer interface {
	// normalize returns s rewritten. Where the work is used up, any result will do.
	normalize(s string, w *work) string
}

// normalizers are applied one after the other.
type normalizers []normalizer

func (n normalizers) normalize(s string, w *work) string {
	for _, one := range n {
		if !w.spend(1 + len(s)) {
			return s
		}
		s = one.normalize(s, w)
	}
	return s
}

// prepend puts itself before a text that is not empty.
type prepend string

func (p prepend) normalize(s string, w *work) string {
	if s == "" || !w.grow(len(p)) {
		return s
	}
	return string(p) + s
}

// replace puts content in the place of each match.
type replace struct {
	pattern pattern
	content string
}

func (r replace) normalize(s string, w *work) string {
	return replaceAll(s, r.pattern, r.content, w)
}

// strip takes white space from the ends.
type strip struct{ left, right bool }

func (n strip) normalize(s string, _ *work) string {
	if n.left {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
	}
	if n.right {
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	}
	return s
}

// lowercase maps each character by itself, as Rust's char::to_lowercase.
type lowercase struct{}

func (lowercase) normalize(s string, w *work) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return lowerOf(r) != r || r == 'İ' }) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if r == 'İ' {
			b.WriteString("i\u0307")
			continue
		}
		b.WriteRune(lowerOf(r))
	}
	return b.String()
}

// lowerOf is unicode.ToLower with the letters of Unicode 16 and 17.
func lowerOf(r rune) rune {
	if r < 0x1c89 {
		return unicode.ToLower(r)
	}
	switch {
	case r == 0xa7cb:
		return 0x264
	case r == 0xa7dc:
		return 0x19b
	case r == 0x1c89, r == 0xa7cc, r == 0xa7ce, r == 0xa7d2, r == 0xa7d4, r == 0xa7da:
		return r + 1
	case 0x10d50 <= r && r <= 0x10d65:
		return r + 0x20
	case 0x16ea0 <= r && r <= 0x16eb8:
		return r + 0x1b
	}
	return unicode.ToLower(r)
}

// stripAccents takes marks away; a normal form has set them apart before.
type stripAccents struct{}

func (stripAccents) normalize(s string, _ *work) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) && !lateMarks.has(r) || r == 0x1cf2 || r == 0x1cf3 {
			return -1
		}
		return r
	}, s)
}

// nmt cleans text as SentencePiece's nmt rules begin.
type nmt struct{}

func (nmt) normalize(s string, w *work) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 1 <= r && r <= 8, r == 0xb, 0xe <= r && r <= 0x1f, r == 0x7f, r == 0x8f, r == 0x9f:
			return -1
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200b <= r && r <= 0x200f, r == 0x2028, r == 0x2029,
			r == 0x2581, r == 0xfeff, r == 0xfffd:
			return ' '
		}
		return r
	}, s)
}

// bertNormalizer is that of BERT's basic tokenizer.
type bertNormalizer struct{ clean, chinese, stripAccents, lowercase bool }

func (n bertNormalizer) normalize(s string, w *work) string {
	if n.clean {
		s = strings.Map(func(r rune) rune {
			switch {
			case r == '\t', r == '\n', r == '\r':
				return ' '
			case r == 0, r == 0xfffd, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
				return -1
			case unicode.IsSpace(r):
				return ' '
			}
			return r
		}, s)
	}
	if n.chinese && strings.ContainsFunc(s, isIdeograph) {
		var b strings.Builder
		for _, r := range s {
			if isIdeograph(r) {
				b.WriteByte(' ')
				b.WriteRune(r)
				b.WriteByte(' ')
			} else {
				b.WriteRune(r)
			}
		}
		s = b.String()
	}
	if n.stripAccents {
		s = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) && !lateNonspacing.has(r) || r == 0x1734 {
				return -1
			}
			return r
		}, nfd.normalize(s, w))
	}
	if n.lowercase {
		s = lowercase{}.normalize(s, w)
	}
	return s
}

// isIdeograph tells BERT's Chinese characters.
func isIdeograph(r rune) bool {
	return 0x4e00 <= r && r <= 0x9fff || 0x3400 <= r && r <= 0x4dbf || 0x20000 <= r && r <= 0x2a6df || 0x2a700 <= r && r <= 0x2b73f ||
		0x2b740 <= r && r <= 0x2b81f || 0x2b920 <= r && r <= 0x2ceaf || 0xf900 <= r && r <= 0xfaff || 0x2f800 <= r && r <= 0x2fa1f
}

// byteLevelNormalizer writes each byte as a character of the byte alphabet.
type byteLevelNormalizer struct{}

func (byteLevelNormalizer) normalize(s string, w *work) string {
	if !w.grow(len(s)) {
		return s
	}
	out := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		out = append(out, byteAlphabet[s[i]]...)
	}
	return string(out)
}
