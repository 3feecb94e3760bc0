package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalForm is a Unicode normal form (Unicode Standard Annex 15).
//
// golang.org/x/text knows the characters, but its String breaks runs of more than 30 marks (Annex 15's "stream-safe" text), and it
// knows marks and decompositions that came after the Unicode version of Hugging Face's normalizer. So it only tells whether there
// is anything to do.
type normalForm norm.Form

const (
	nfc  = normalForm(norm.NFC)
	nfd  = normalForm(norm.NFD)
	nfkc = normalForm(norm.NFKC)
	nfkd = normalForm(norm.NFKD)
)

func (f normalForm) normalize(s string, w *work) string {
	form := norm.Form(f)
	if form.IsNormalString(s) {
		return s
	}
	decomposed := norm.NFD
	if form == norm.NFKC || form == norm.NFKD {
		decomposed = norm.NFKD
	}
	text := decompose(s, decomposed)
	if form == norm.NFC || form == norm.NFKC {
		text = compose(text)
	}
	out := make([]byte, 0, len(s)+8)
	for _, c := range text {
		out = utf8.AppendRune(out, c.r)
	}
	return string(out)
}

// combining is a character and its canonical combining class.
type combining struct {
	r   rune
	ccc int16
}

// decompose returns the fully decomposed characters of s in canonical order.
func decompose(s string, form norm.Form) []combining {
	text := make([]combining, 0, len(s))
	run := 0 // where the last run of marks begins
	add := func(r rune, ccc uint8) {
		text = append(text, combining{r, int16(ccc)})
		if ccc == 0 {
			order(text[run : len(text)-1])
			run = len(text)
		}
	}
	for i, r := range s {
		switch {
		case inert.has(r):
			add(r, 0)
		case hangulBase <= r && r < hangulBase+hangulL*hangulVT:
			k := r - hangulBase
			add(hangulFirstL+k/hangulVT, 0)
			add(hangulFirstV+k%hangulVT/hangulT, 0)
			if t := k % hangulT; t > 0 {
				add(hangulFirstT+t, 0)
			}
		default:
			p := form.PropertiesString(s[i:])
			d := p.Decomposition()
			if d == nil {
				add(r, p.CCC())
				continue
			}
			for len(d) > 0 {
				q := form.Properties(d)
				c, n := utf8.DecodeRune(d)
				add(c, q.CCC())
				d = d[n:]
			}
		}
	}
	order(text[run:])
	return text
}

func order(marks []combining) {
	if len(marks) > 1 {
		slices.SortStableFunc(marks, func(a, b combining) int { return int(a.ccc) - int(b.ccc) })
	}
}

// compose joins, in place, each starter with the characters behind it that no other of their class blocks.
func compose(text []combining) []combining {
	out := text[:0]
	starter, last := -1, int16(-1) // last: the class of what was kept since the starter, -1 if nothing
	for _, c := range text {
		if starter >= 0 && last < c.ccc {
			if r, ok := composePair(out[starter].r, c.r); ok {
				out[starter].r = r
				continue
			}
		}
		if c.ccc == 0 {
			starter, last = len(out), -1
		} else {
			last = c.ccc
		}
		out = append(out, c)
	}
	return out
}

// Hangul syllables are composed by arithmetic (Unicode 15, section 3.12).
const (
	hangulBase, hangulFirstL, hangulFirstV, hangulFirstT = 0xac00, 0x1100, 0x1161, 0x11a7
	hangulL, hangulV, hangulT                            = 19, 21, 28
	hangulVT                                             = hangulV * hangulT
)

// composePair returns the character whose decomposition is a, b.
func composePair(a, b rune) (rune, bool) {
	if a < 0x300 && b < 0x300 {
		return 0, false
	}
	if l, v := a-hangulFirstL, b-hangulFirstV; 0 <= l && l < hangulL && 0 <= v && v < hangulV {
		return hangulBase + l*hangulVT + v*hangulT, true
	}
	if s, t := a-hangulBase, b-hangulFirstT; 0 <= s && s < hangulL*hangulVT && s%hangulT == 0 && 0 < t && t < hangulT {
		return a + t, true
	}
	var buf [2 * utf8.UTFMax]byte
	pair := utf8.AppendRune(utf8.AppendRune(buf[:0], a), b)
	composed := norm.NFC.Bytes(pair)
	r, n := utf8.DecodeRune(composed)
	return r, n == len(composed) && !inert.has(r)
}
