package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// textMethods are those of str.
var textMethods = map[string]methodFunction{
	"capitalize": textTo(capitalize), "casefold": textTo(casefold), "lower": textTo(lower), "swapcase": textTo(swapCase),
	"title": textTo(titleCase), "upper": textTo(upper),

	"isalnum":   textIs(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }),
	"isalpha":   textIs(unicode.IsLetter),
	"isdecimal": textIs(unicode.IsDigit),
	"isdigit": textIs(func(c rune) bool {
		return unicode.IsDigit(c) || strings.ContainsRune("²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", c)
	}),
	"isnumeric": textIs(unicode.IsNumber),
	"isspace":   textIs(isSpace),
	"isascii":   textTells(isASCII), "isidentifier": textTells(isIdentifier), "islower": textTells(isLower), "isupper": textTells(isUpper),
	"istitle": textTells(isTitle), "isprintable": textTells(func(s string) bool { return strings.IndexFunc(s, func(c rune) bool { return !isPrintable(c) }) < 0 }),

	"strip": textStrip(strings.TrimFunc), "lstrip": textStrip(strings.TrimLeftFunc), "rstrip": textStrip(strings.TrimRightFunc),
	"startswith": textAffix(strings.HasPrefix), "endswith": textAffix(strings.HasSuffix),
	"removeprefix": textWithout(strings.TrimPrefix), "removesuffix": textWithout(strings.TrimSuffix),
	"split": split(false), "rsplit": split(true), "splitlines": textSplitLines,
	"partition": textPartition(strings.Index), "rpartition": textPartition(strings.LastIndex),
	"find": textFind(strings.Index, false), "rfind": textFind(strings.LastIndex, false),
	"index": textFind(strings.Index, true), "rindex": textFind(strings.LastIndex, true),
	"count": textCount, "replace": textReplace, "join": textJoin, "center": textPad("center"), "ljust": textPad("ljust"),
	"rjust": textPad("rjust"), "zfill": textZeroFill, "expandtabs": textExpandTabs, "format": textFormat, "format_map": textFormatMap,

	"encode": nil, "maketrans": nil, "translate": nil,
}

// textTo makes a method of what maps a text to another.
func textTo(f func(string) string) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		a.bind(r, "method")
		s, _ := asText(v)
		r.alloc(int64(3*len(s)) + 16)
		return like(v, f(s))
	}
}

// casefold is lower for comparing; what Unicode folds beyond that is written out.
func casefold(s string) string {
	return strings.NewReplacer("ß", "ss", "ẞ", "ss", "ς", "σ", "ſ", "s", "ﬁ", "fi", "ﬂ", "fl", "ﬀ", "ff").Replace(lower(s))
}

// textTells makes a method of what tells something about a text.
func textTells(f func(string) bool) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		a.bind(r, "method")
		s, _ := asText(v)
		r.scan(len(s))
		return f(s)
	}
}

// textIs makes a method of what must hold for every character, of which there must be one.
func textIs(f func(rune) bool) methodFunction {
	return textTells(func(s string) bool { return s != "" && strings.IndexFunc(s, func(c rune) bool { return !f(c) }) < 0 })
}

func textStrip(trim func(string, func(rune) bool) string) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		s, _ := asText(v)
		r.scan(len(s))
		return like(v, trim(s, r.stripped(or(a.bind(r, "strip", "/chars?")[0], nil))))
	}
}

func textAffix(has func(s, affix string) bool) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		p := a.bind(r, "startswith or endswith", "/affix", "/start?", "/end?")
		s, _ := asText(v)
		affixes := r.affixes(p[0])
		if p[1] != missing {
			part, _, ok := r.part(s, p[1], p[2])
			if !ok {
				return false
			}
			s = part
		}
		for _, x := range affixes {
			r.scan(len(x))
			if has(s, x) {
				return true
			}
		}
		return false
	}
}

func textWithout(trim func(s, affix string) string) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		s, _ := asText(v)
		return like(v, trim(s, r.needText(a.bind(r, "removeprefix or removesuffix", "/affix")[0])))
	}
}

func textSplitLines(r *renderer, v Value, a *callArguments) Value {
	s, _ := asText(v)
	return r.texts(v, r.splitLines(s, truth(or(a.bind(r, "splitlines", "keepends?")[0], false))))
}

func textPartition(index func(s, sep string) int) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		sep := a.bind(r, "partition", "/sep")[0]
		s, _ := asText(v)
		by := r.needText(sep)
		if by == "" {
			r.raise("empty separator")
		}
		r.scan(len(s))
		i := index(s, by)
		if i >= 0 {
			return r.newTuple(like(v, s[:i]), like(v, by), like(v, s[i+len(by):]))
		}
		if index("ab", "") == 0 { // from the left
			return r.newTuple(like(v, s), like(v, ""), like(v, ""))
		}
		return r.newTuple(like(v, ""), like(v, ""), like(v, s))
	}
}

func textFind(index func(s, sub string) int, must bool) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		p := a.bind(r, "find", "/sub", "/start?", "/end?")
		s, _ := asText(v)
		sub := r.needText(p[0])
		part, from, ok := r.part(s, p[1], p[2])
		i := -1
		if ok {
			i = index(part, sub)
		}
		if i < 0 {
			if must {
				r.raise("substring not found")
			}
			return int64(-1)
		}
		return int64(from + runeCount(part[:i]))
	}
}

func textCount(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "count", "/sub", "/start?", "/end?")
	s, _ := asText(v)
	sub := r.needText(p[0])
	part, _, ok := r.part(s, p[1], p[2])
	if !ok {
		return int64(0)
	}
	return int64(strings.Count(part, sub))
}

func textReplace(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "replace", "/old", "/new", "/count?")
	s, _ := asText(v)
	old, by := r.needText(p[0]), r.needText(p[1])
	if _, safe := v.(markup); safe {
		by = r.escaped(p[1])
	}
	return like(v, r.replace(s, old, by, r.index(or(p[2], int64(-1)))))
}

func textJoin(r *renderer, v Value, a *callArguments) Value {
	d, _ := asText(v)
	_, safe := v.(markup)
	var b strings.Builder
	for i, x := range r.all(a.bind(r, "join", "/iterable")[0]) {
		s, ok := asText(x)
		if !ok && !safe {
			r.raise("sequence item %d: expected str instance, %s found", i, typeName(x))
		}
		if safe {
			s = r.escaped(x)
		}
		r.alloc(int64(len(s) + len(d)))
		if i > 0 {
			b.WriteString(d)
		}
		b.WriteString(s)
	}
	return like(v, b.String())
}

func textPad(how string) methodFunction {
	return func(r *renderer, v Value, a *callArguments) Value {
		p := a.bind(r, how, "/width", "/fillchar?")
		s, _ := asText(v)
		fill := r.needText(or(p[1], " "))
		if runeCount(fill) != 1 {
			r.raise("the fill character must be exactly one character long")
		}
		width := r.index(p[0])
		if how == "center" {
			return like(v, r.center(s, width, fill))
		}
		pad := max(0, width-int64(runeCount(s)))
		r.allocTimes(pad, int64(len(fill)))
		r.alloc(int64(len(s)) + 16)
		filling := strings.Repeat(fill, int(pad))
		if how == "ljust" {
			return like(v, s+filling)
		}
		return like(v, filling+s)
	}
}

func textZeroFill(r *renderer, v Value, a *callArguments) Value {
	s, _ := asText(v)
	pad := max(0, r.index(a.bind(r, "zfill", "/width")[0])-int64(runeCount(s)))
	r.allocTimes(pad, 1)
	r.alloc(int64(len(s)) + 16)
	zeros := strings.Repeat("0", int(pad))
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return like(v, s[:1]+zeros+s[1:])
	}
	return like(v, zeros+s)
}

func textExpandTabs(r *renderer, v Value, a *callArguments) Value {
	size := r.index(or(a.bind(r, "expandtabs", "tabsize?")[0], int64(8)))
	s, _ := asText(v)
	var b strings.Builder
	column := int64(0)
	r.alloc(int64(len(s)) + 16)
	for _, c := range s {
		switch c {
		case '\t':
			if size > 0 {
				n := size - column%size
				r.allocTimes(n, 1)
				b.WriteString(strings.Repeat(" ", int(n)))
				column += n
			}
		case '\n', '\r':
			b.WriteRune(c)
			column = 0
		default:
			b.WriteRune(c)
			column++
		}
	}
	return like(v, b.String())
}

// validRune tells whether an integer is a character.
func validRune(i int64) bool { return i >= 0 && i <= utf8.MaxRune && (i < 0xD800 || i > 0xDFFF) }
