package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// preTokenizer cuts pieces into smaller ones.
type preTokenizer interface {
	// split appends the parts of the pieces of src to dst; empty ones may be among them. Where the work is used up, it stops early.
	split(dst, src []piece, s *scratch) []piece
}

// behavior says what becomes of the matches of a splitter.
type behavior int

const (
	removed behavior = iota // they vanish
	isolated
	mergedWithPrevious // each belongs to the piece before it
	mergedWithNext
	contiguous // neighbouring matches are one piece
)

// splitter cuts at the matches of a pattern, or with invert at what lies between them.
type splitter struct {
	pattern  pattern
	behavior behavior
	invert   bool
}

func (p splitter) split(dst, src []piece, s *scratch) []piece {
	for _, whole := range src {
		s.spans = p.pattern.find(s.spans[:0], whole.text, &s.work)
		dst = p.cut(dst, whole, s.spans)
	}
	return dst
}

// cut appends the parts of p: matches, what lies between them, in order.
func (p splitter) cut(dst []piece, whole piece, matches []span) []piece {
	text, begin := whole.text, len(dst)
	lastMatched := false
	add := func(start, end int, match bool) {
		if p.behavior == removed {
			if !match {
				dst = append(dst, piece{text[start:end], whole.first && start == 0})
			}
			return
		}
		joins := len(dst) > begin
		switch p.behavior {
		case mergedWithPrevious:
			joins = joins && match && !lastMatched
		case mergedWithNext:
			joins = joins && !match && lastMatched
		case contiguous:
			joins = joins && match == lastMatched
		default:
			joins = false
		}
		lastMatched = match
		if joins {
			last := &dst[len(dst)-1]
			from := start - len(last.text)
			last.text = text[from:end]
			return
		}
		dst = append(dst, piece{text[start:end], whole.first && start == 0})
	}
	prev := 0
	for _, m := range matches {
		if prev != m.start {
			add(prev, m.start, p.invert)
		}
		add(m.start, m.end, !p.invert)
		prev = m.end
	}
	if prev != len(text) {
		add(prev, len(text), p.invert)
	}
	return dst
}

// byteAlphabet writes a byte as a printable character (GPT-2): printable Latin-1 stands for itself, the others follow from U+0100.
var byteAlphabet, alphabetBytes = func() (to [256]string, from [0x144]int16) {
	for i := range from {
		from[i] = -1
	}
	next := rune(0x100)
	for b := range rune(256) {
		r := b
		if b < '!' || '~' < b && b < '¡' || b == 0xad {
			r = next
			next++
		}
		to[b], from[r] = string(r), int16(b)
	}
	return to, from
}()

// byteLevel writes pieces in the byte alphabet, perhaps after cutting them as GPT-2 does.
type byteLevel struct {
	addPrefixSpace bool
	words          pattern // nil: pieces stay whole
}

func (p byteLevel) split(dst, src []piece, s *scratch) []piece {
	begin, size := len(dst), 0
	for _, whole := range src {
		if p.addPrefixSpace && whole.text != "" && whole.text[0] != ' ' {
			whole.text = " " + whole.text
		}
		size += len(whole.text)
		if p.words == nil {
			dst = append(dst, whole)
			continue
		}
		s.spans = p.words.find(s.spans[:0], whole.text, &s.work)
		dst = splitter{behavior: isolated}.cut(dst, whole, s.spans)
	}
	// One string holds all pieces.
	var b strings.Builder
	b.Grow(size + size/4)
	for i := begin; i < len(dst); i++ {
		for j := range len(dst[i].text) {
			b.WriteString(byteAlphabet[dst[i].text[j]])
		}
	}
	mapped := b.String()
	for i := begin; i < len(dst); i++ {
		n := 0
		for j := range len(dst[i].text) {
			n += len(byteAlphabet[dst[i].text[j]])
		}
		dst[i].text, mapped = mapped[:n], mapped[n:]
	}
	return dst
}

// prependScheme says before which pieces metaspace writes its replacement.
type prependScheme int

const (
	prependAlways prependScheme = iota
	prependFirst                // before the piece that begins the text
	prependNever
)

// metaspace writes "▁" for a space, and cuts before it.
type metaspace struct {
	replacement string
	prepend     prependScheme
	cut         bool
}

func (p metaspace) split(dst, src []piece, s *scratch) []piece {
	for _, whole := range src {
		whole.text = strings.ReplaceAll(whole.text, " ", p.replacement)
		if whole.text != "" && !strings.HasPrefix(whole.text, p.replacement) &&
			(p.prepend == prependAlways || p.prepend == prependFirst && whole.first) {
			whole.text = p.replacement + whole.text
		}
		if !p.cut {
			dst = append(dst, whole)
			continue
		}
		s.spans = literal(p.replacement).find(s.spans[:0], whole.text, &s.work)
		dst = splitter{behavior: mergedWithNext}.cut(dst, whole, s.spans)
	}
	return dst
}

// wordRuns matches \w+|[^\w\s]+.
type wordRuns struct{}

func (wordRuns) find(dst []span, s string, _ *work) []span {
	const (
		none = iota
		word
		other
	)
	start, last := 0, none
	for i, r := range s {
		kind := other
		switch {
		case unicode.IsSpace(r):
			kind = none
		case isWord(r):
			kind = word
		}
		if kind != last {
			if last != none {
				dst = append(dst, span{start, i})
			}
			start, last = i, kind
		}
	}
	if last != none {
		dst = append(dst, span{start, len(s)})
	}
	return dst
}

func isSpace(r rune) bool { return unicode.IsSpace(r) }

// only returns a predicate for one character.
func only(s string) (runes, bool) {
	r, n := utf8.DecodeRuneInString(s)
	return func(c rune) bool { return c == r }, n == len(s) && n > 0
}

// fixedLength cuts every n characters.
type fixedLength int

func (n fixedLength) split(dst, src []piece, _ *scratch) []piece {
	for _, whole := range src {
		start, count := 0, 0
		for i := range whole.text {
			if count == int(n) {
				dst = append(dst, piece{whole.text[start:i], whole.first && start == 0})
				start, count = i, 0
			}
			count++
		}
		dst = append(dst, piece{whole.text[start:], whole.first && start == 0})
	}
	return dst
}
