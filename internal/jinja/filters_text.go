package jinja

import (
	"html"
	"regexp"
	"strings"
	"unicode"
)

func filterReplace(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "replace", "old", "new", "count?")
	n := int64(-1)
	if c := or(p[2], nil); c != nil {
		n = r.index(c)
	}
	return r.replace(r.str(v), r.str(p[0]), r.str(p[1]), n)
}

// replace is Python's str.replace.
func (r *renderer) replace(s, old, new string, n int64) string {
	r.scan(len(s) + len(old))
	found := int64(strings.Count(s, old))
	if n >= 0 {
		found = min(found, n)
	}
	if found == 0 {
		return s
	}
	r.allocTimes(found, int64(len(new)))
	r.alloc(int64(len(s)) + 16)
	return strings.Replace(s, old, new, int(found))
}

func filterTrim(r *renderer, v Value, a *callArguments) Value {
	chars := or(a.bind(r, "trim", "chars?")[0], nil)
	s, of := r.soft(v)
	r.scan(len(s))
	return like(of, strings.TrimFunc(s, r.stripped(chars)))
}

// stripped returns which characters strip() takes off.
func (r *renderer) stripped(chars Value) func(rune) bool {
	if chars == nil {
		return isSpace
	}
	set := r.needText(chars)
	r.scan(len(set))
	return func(c rune) bool {
		r.scan(len(set))
		return strings.ContainsRune(set, c)
	}
}

func filterTruncate(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "truncate", "length?", "killwords?", "end?", "leeway?")
	n := r.index(or(p[0], int64(255)))
	end := r.needText(or(p[2], "..."))
	leeway := int64(5)
	if l := or(p[3], nil); l != nil {
		leeway = r.index(l)
	}
	size := int64(runeCount(end))
	if n < size || leeway < 0 {
		r.raise("expected a length of at least %d", size)
	}
	s, ok := asText(v)
	if !ok {
		if length, ok := length(v); ok && int64(length) <= n+leeway {
			return v
		}
		r.raise("a str is needed, not '%s'", typeName(v))
	}
	r.scan(len(s))
	if int64(runeCount(s)) <= n+leeway {
		return v
	}
	s = cut(s, 0, int(n-size))
	if !truth(or(p[1], false)) {
		if i := strings.LastIndexByte(s, ' '); i >= 0 {
			s = s[:i]
		}
	}
	r.alloc(int64(len(s) + len(end)))
	return like(v, s+end)
}

func filterIndent(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "indent", "width?", "first?", "blank?")
	var indent string
	switch w := or(p[0], int64(4)).(type) {
	case string, markup:
		indent, _ = asText(w)
	default:
		n := max(0, r.index(w))
		r.allocTimes(n, 1)
		indent = strings.Repeat(" ", int(n))
	}
	r.defined(v)
	s := r.needText(v)
	lines := r.splitLines(s+"\n", false)
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == 0 && truth(or(p[1], false)) || i > 0 && (line != "" || truth(or(p[2], false))) {
			r.alloc(int64(len(indent)))
			b.WriteString(indent)
		}
		r.alloc(int64(len(line)) + 1)
		b.WriteString(line)
	}
	return like(v, b.String())
}

// splitLines is Python's str.splitlines.
func (r *renderer) splitLines(s string, keep bool) []string {
	r.scan(len(s))
	var lines []string
	for s != "" {
		i := strings.IndexFunc(s, isLineEnd)
		if i < 0 {
			i = len(s)
		}
		end := i
		if i < len(s) {
			end += runeLength(s[i:])
			if strings.HasPrefix(s[i:], "\r\n") {
				end = i + 2
			}
		}
		r.alloc(32)
		if keep {
			lines = append(lines, s[:end])
		} else {
			lines = append(lines, s[:i])
		}
		s = s[end:]
	}
	return lines
}

func isLineEnd(c rune) bool {
	return c >= 0x0A && c <= 0x0D || c >= 0x1C && c <= 0x1E || c == 0x85 || c == 0x2028 || c == 0x2029
}

var (
	htmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	htmlTag     = regexp.MustCompile(`(?s)<.*?>`)
)

func filterStripTags(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "striptags")
	s := r.str(v)
	r.alloc(int64(4 * len(s)))
	r.step(len(s))
	s = htmlTag.ReplaceAllString(htmlComment.ReplaceAllString(s, ""), "")
	return html.UnescapeString(strings.Join(words(s), " "))
}

func filterWordCount(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "wordcount")
	s, _ := r.soft(v)
	r.step(len(s) / 4) // slower than other scans
	n, inWord := int64(0), false
	for _, c := range s {
		word := c == '_' || unicode.IsLetter(c) || unicode.IsNumber(c)
		if word && !inWord {
			n++
		}
		inWord = word
	}
	return n
}

func filterURLEncode(r *renderer, v Value, a *callArguments) Value {
	a.bind(r, "urlencode")
	if s, ok := asText(v); ok {
		return r.quoteURL(s, "/")
	}
	next, ok := r.iterate(v)
	if !ok {
		return r.quoteURL(r.str(v), "/")
	}
	if d, ok := v.(*Dict); ok {
		next, _ = r.iterate(&view{d, "items"})
	}
	var parts []string
	for {
		pair, ok := next()
		if !ok {
			return r.meter.text(strings.Join(parts, "&"))
		}
		p := r.all(pair)
		if len(p) != 2 {
			r.raise("pairs are needed, not %d values", len(p))
		}
		r.alloc(32)
		for i, x := range p {
			p[i] = strings.ReplaceAll(r.quoteURL(r.str(x), ""), "%20", "+")
		}
		parts = append(parts, p[0].(string)+"="+p[1].(string))
	}
}

func (r *renderer) quoteURL(s, safe string) string {
	r.alloc(int64(3 * len(s)))
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("_.-~"+safe, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString(sprintf("%%%02X", c))
		}
	}
	return b.String()
}

func filterXMLAttr(r *renderer, v Value, a *callArguments) Value {
	p := a.bind(r, "xmlattr", "autospace?")
	d, ok := v.(*Dict)
	if !ok {
		r.raise("'%s' object has no items", typeName(v))
	}
	var parts []string
	for i, key := range d.keys {
		if _, ok := d.values[i].(*undefined); ok || d.values[i] == nil {
			continue
		}
		name := r.needText(key)
		if strings.ContainsAny(name, " \t\n\r\f\v/>=") {
			r.raise("invalid character in attribute name: '%s'", name)
		}
		parts = append(parts, r.escaped(key)+`="`+r.escaped(d.values[i])+`"`)
	}
	s := strings.Join(parts, " ")
	if s != "" && truth(or(p[0], true)) {
		s = " " + s
	}
	return r.meter.text(s)
}
