package grammar

import "unicode/utf8"

// runes is a range of characters.
type runes struct{ lo, hi rune }

// surrogates are the code points that UTF-8 has no bytes for.
var surrogates = runes{0xd800, 0xdfff}

// class is one character of the ranges, in the bytes of UTF-8.
func (b *builder) class(ranges []runes) part {
	r := b.rule()
	for _, c := range without(ranges, []runes{surrogates}) {
		b.addRange(r, c)
	}
	if len(b.rules[r]) == 1 {
		return b.rules[r][0]
	}
	return of(r)
}

// addRange adds alternatives for the characters of a range: runs of characters whose bytes are the same ranges in each place.
func (b *builder) addRange(rule int32, c runes) {
	for n := 1; n <= utf8.UTFMax; n++ { // those of different lengths apart
		if last := lastOf[n]; c.lo <= last && last < c.hi {
			b.addRange(rule, runes{c.lo, last})
			b.addRange(rule, runes{last + 1, c.hi})
			return
		}
	}
	for shift := 6; shift <= 18; shift += 6 { // and those whose last bytes are not all there
		mask := rune(1)<<shift - 1
		if c.lo&^mask == c.hi&^mask || utf8.RuneLen(c.hi) == 1 {
			continue
		}
		if c.lo&mask != 0 {
			b.addRange(rule, runes{c.lo, c.lo | mask})
			b.addRange(rule, runes{(c.lo | mask) + 1, c.hi})
			return
		}
		if c.hi&mask != mask {
			b.addRange(rule, runes{c.lo, c.hi&^mask - 1})
			b.addRange(rule, runes{c.hi &^ mask, c.hi})
			return
		}
	}
	lo, hi := encoded(c.lo), encoded(c.hi)
	p := make(part, len(lo))
	for i := range p {
		p[i] = symbol{kind: byteRange, lo: lo[i], hi: hi[i]}
	}
	b.add(rule, p)
}

// lastOf are the last characters of 1 to 4 bytes.
var lastOf = [...]rune{0, 0x7f, 0x7ff, 0xffff, utf8.MaxRune}

func encoded(r rune) []byte { return utf8.AppendRune(nil, r) }

// without returns what is left of sorted or unsorted ranges without others.
func without(ranges, others []runes) []runes {
	for _, o := range others {
		var left []runes
		for _, c := range ranges {
			if c.hi < o.lo || c.lo > o.hi {
				left = append(left, c)
				continue
			}
			if c.lo < o.lo {
				left = append(left, runes{c.lo, o.lo - 1})
			}
			if c.hi > o.hi {
				left = append(left, runes{o.hi + 1, c.hi})
			}
		}
		ranges = left
	}
	return ranges
}

// every is every character.
var every = []runes{{0, utf8.MaxRune}}
