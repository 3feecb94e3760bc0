package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// Upper, lower and title case as Python has them: Unicode's full mappings, in which one character may become three.

func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	// All but the letter sigma, whose final form Python finds by the whole text.
	var b strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case c == 'Σ' && finalSigma(runes, i):
			b.WriteRune('ς')
		case c == 'İ':
			b.WriteString("i\u0307")
		default:
			b.WriteRune(unicode.ToLower(c))
		}
	}
	return b.String()
}

// finalSigma tells whether the sigma at i ends a word.
func finalSigma(s []rune, i int) bool {
	before := i - 1
	for before >= 0 && caseIgnorable(s[before]) {
		before--
	}
	if before < 0 || !cased(s[before]) {
		return false
	}
	after := i + 1
	for after < len(s) && caseIgnorable(s[after]) {
		after++
	}
	return after == len(s) || !cased(s[after])
}

func cased(c rune) bool {
	return unicode.In(c, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

func caseIgnorable(c rune) bool {
	return unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:··՟״‘’․‧︓﹕．：", c)
}

// titled returns a character's title case.
func titled(c string) string {
	if len(c) == 1 {
		return strings.ToUpper(c)
	}
	r, _ := utf8.DecodeRuneInString(c)
	if t := unicode.ToTitle(r); t != r {
		return string(t)
	}
	full := cases.Upper(language.Und).String(c)
	if full == c {
		return c
	}
	n := runeLength(full) // such as ß, Ss
	return full[:n] + lower(full[n:])
}

// capitalize is Python's str.capitalize.
func capitalize(s string) string {
	if s == "" {
		return ""
	}
	n := runeLength(s)
	return titled(s[:n]) + strings.TrimPrefix(lower("a"+s[n:]), "a")
}

// titleCase is Python's str.title: a word begins after what has no case.
func titleCase(s string) string {
	var b strings.Builder
	inWord := false
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case !inWord:
			b.WriteString(titled(string(c)))
		case c == 'Σ' && finalSigma(runes, i):
			b.WriteRune('ς')
		case c == 'İ':
			b.WriteString("i\u0307")
		default:
			b.WriteRune(unicode.ToLower(c))
		}
		inWord = cased(c)
	}
	return b.String()
}

// titleWords is the filter title, whose words begin after white space, a hyphen or an opening bracket.
func titleWords(s string) string {
	var b strings.Builder
	separator := func(c rune) bool { return isSpace(c) || strings.ContainsRune("-({[<", c) }
	for s != "" {
		i := strings.IndexFunc(s, separator)
		switch {
		case i < 0:
			i = len(s)
		case i == 0:
			i = len(s) - len(strings.TrimLeftFunc(s, separator))
		}
		n := runeLength(s)
		b.WriteString(upper(s[:n]))
		b.WriteString(lower(s[n:i]))
		s = s[i:]
	}
	return b.String()
}

func swapCase(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case c == 'Σ' && finalSigma(runes, i):
			b.WriteRune('ς')
		case unicode.IsUpper(c):
			b.WriteString(lower(string(c)))
		default:
			b.WriteString(upper(string(c)))
		}
	}
	return b.String()
}

func isLower(s string) bool { return oneCase(s, unicode.IsUpper, unicode.Ll, unicode.Other_Lowercase) }

func isUpper(s string) bool { return oneCase(s, unicode.IsLower, unicode.Lu, unicode.Other_Uppercase) }

// oneCase tells whether something has a case and nothing the other one.
func oneCase(s string, other func(rune) bool, one ...*unicode.RangeTable) bool {
	found := false
	for _, c := range s {
		if other(c) || unicode.IsTitle(c) {
			return false
		}
		found = found || unicode.In(c, one...)
	}
	return found
}

func isTitle(s string) bool {
	found, inWord := false, false
	for _, c := range s {
		switch {
		case unicode.In(c, unicode.Lu, unicode.Lt, unicode.Other_Uppercase):
			if inWord {
				return false
			}
			inWord, found = true, true
		case unicode.In(c, unicode.Ll, unicode.Other_Lowercase):
			if !inWord {
				return false
			}
			found = true
		default:
			inWord = false
		}
	}
	return found
}

// asciiDigits writes the decimal digits of all scripts as 0 to 9, as Python's int and float read them.
func asciiDigits(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf || !unicode.Is(unicode.Nd, c) {
			return c
		}
		zero := c // digits stand ten in a row
		for unicode.Is(unicode.Nd, zero-1) && c-zero < 9 {
			zero--
		}
		return '0' + (c - zero)
	}, s)
}
