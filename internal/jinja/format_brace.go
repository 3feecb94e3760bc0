package jinja

import (
	"math/big"
	"strconv"
	"strings"
)

func textFormat(r *renderer, v Value, a *callArguments) Value {
	s, _ := asText(v)
	return r.braces(v, s, a.positional, func(name string) (Value, bool) {
		for i, n := range a.names {
			if n == name {
				return a.named[i], true
			}
		}
		return nil, false
	})
}

func textFormatMap(r *renderer, v Value, a *callArguments) Value {
	s, _ := asText(v)
	d, ok := a.bind(r, "format_map", "/mapping")[0].(*Dict)
	if !ok {
		r.raise("format_map needs a mapping")
	}
	return r.braces(v, s, nil, d.Get)
}

// bracesWriter is one str.format on its way.
type bracesWriter struct {
	*renderer
	positional []Value
	named      func(string) (Value, bool)
	automatic  int // the next {}; -1 once a number was given
	numbered   bool
	escape     bool
}

func (r *renderer) braces(of Value, s string, positional []Value, named func(string) (Value, bool)) Value {
	w := &bracesWriter{renderer: r, positional: positional, named: named}
	_, w.escape = of.(markup)
	return like(of, w.format(s, 2))
}

func (w *bracesWriter) format(s string, depth int) string {
	if depth < 0 {
		w.raise("max string recursion exceeded")
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			i = len(s)
		}
		w.alloc(int64(i) + 16)
		b.WriteString(s[:i])
		s = s[i:]
		if s == "" {
			break
		}
		if len(s) > 1 && s[1] == s[0] {
			b.WriteByte(s[0])
			s = s[2:]
			continue
		}
		if s[0] == '}' {
			w.raise("single '}' encountered in format string")
		}
		end, level := -1, 0
		for j := range len(s) {
			if s[j] == '{' {
				level++
			} else if s[j] == '}' {
				if level--; level == 0 {
					end = j
					break
				}
			}
		}
		if end < 0 {
			w.raise("expected '}' before end of string")
		}
		out := w.field(s[1:end], depth)
		w.alloc(int64(len(out)))
		b.WriteString(out)
		s = s[end+1:]
	}
	return b.String()
}

// field writes what stands in braces: a name, a conversion, a format.
func (w *bracesWriter) field(s string, depth int) string {
	n := 0
	for inBracket := false; n < len(s) && (inBracket || s[n] != '!' && s[n] != ':'); n++ {
		inBracket = s[n] == '[' || inBracket && s[n] != ']'
	}
	v := w.lookup(s[:n])
	rest := s[n:]
	if strings.HasPrefix(rest, "!") {
		if len(rest) < 2 || len(rest) > 2 && rest[2] != ':' {
			w.raise("expected ':' after conversion specifier")
		}
		switch rest[1] {
		case 's':
			v = w.str(v)
		case 'r':
			v = w.reprOf(v)
		case 'a':
			w.fail(ErrUnsupported, "the conversion !a")
		default:
			w.raise("unknown conversion specifier '%c'", rest[1])
		}
		rest = rest[2:]
	}
	spec := w.format(strings.TrimPrefix(rest, ":"), depth-1)
	if w.escape && spec == "" {
		return w.escaped(v)
	}
	return w.formatValue(v, spec)
}

// lookup finds the value of a field's name, such as "0.content[role]".
func (w *bracesWriter) lookup(name string) Value {
	n := strings.IndexAny(name, ".[")
	if n < 0 {
		n = len(name)
	}
	first, rest := name[:n], name[n:]
	var v Value
	i, err := strconv.Atoi(first)
	switch {
	case first == "" && rest != "":
		w.raise("KeyError: ''")
	case first == "":
		if w.numbered {
			w.raise("cannot switch from manual field specification to automatic field numbering")
		}
		i = w.automatic
		w.automatic++
		fallthrough
	case err == nil:
		if first != "" {
			if w.automatic > 0 {
				w.raise("cannot switch from automatic field numbering to manual field specification")
			}
			w.numbered = true
		}
		if i < 0 || i >= len(w.positional) {
			w.raise("replacement index %d out of range for positional args tuple", i)
		}
		v = w.positional[i]
	default:
		var ok bool
		if v, ok = w.named(first); !ok {
			w.raise("KeyError: '%s'", first)
		}
	}
	for rest != "" {
		w.step(1)
		if rest[0] == '[' {
			end := strings.IndexByte(rest, ']')
			if end < 2 {
				w.raise("empty attribute in format string")
			}
			key := Value(rest[1:end])
			if i, err := strconv.ParseInt(rest[1:end], 10, 62); err == nil && isDigit(rest[1]) {
				key = i
			}
			v, rest = w.getItem(v, key), rest[end+1:]
			continue
		}
		if rest[0] != '.' {
			w.raise("only '.' or '[' may follow ']' in format field specifier")
		}
		rest = rest[1:]
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			w.raise("empty attribute in format string")
		}
		v, rest = w.getAttribute(v, rest[:end]), rest[end:]
	}
	return v
}

// formatSpec is Python's format specification: [[fill]align][sign][#][0][width][,_][.precision][type]
type formatSpec struct {
	fill                  string
	align, sign, grouping byte
	alternate             bool
	width, precision      int64
	verb                  byte
}

func (r *renderer) parseSpec(s string) formatSpec {
	f := formatSpec{fill: " ", width: -1, precision: -1}
	if s != "" {
		n := runeLength(s)
		if n < len(s) && strings.IndexByte("<>=^", s[n]) >= 0 {
			f.fill, f.align = s[:n], s[n]
			s = s[n+1:]
		} else if strings.IndexByte("<>=^", s[0]) >= 0 {
			f.align, s = s[0], s[1:]
		}
	}
	take := func(set string) byte {
		if s != "" && strings.IndexByte(set, s[0]) >= 0 {
			c := s[0]
			s = s[1:]
			return c
		}
		return 0
	}
	number := func() int64 {
		n := 0
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		if n == 0 {
			return -1
		}
		i, err := strconv.ParseInt(s[:n], 10, 62)
		if err != nil {
			r.raise("too many decimal digits in format string")
		}
		s = s[n:]
		return i
	}
	f.sign = take("+- ")
	f.alternate = take("#") != 0
	if take("0") != 0 && f.align == 0 {
		f.fill, f.align = "0", '='
	}
	f.width = number()
	f.grouping = take(",_")
	if take(".") != 0 {
		if f.precision = number(); f.precision < 0 {
			r.raise("format specifier missing precision")
		}
	}
	f.verb = take("bcdeEfFgGnosxX%")
	if s != "" {
		r.raise("invalid format specifier")
	}
	return f
}

// formatValue is Python's format().
func (r *renderer) formatValue(v Value, spec string) string {
	if spec == "" {
		return r.str(v)
	}
	if f, ok := v.(float64); ok {
		return r.formatFloat(f, r.parseSpec(spec))
	}
	if _, isBool := v.(bool); isBool && strings.Trim(spec, "<>^0123456789") == "" && strings.ContainsAny(spec, "<>^") {
		v = r.arithmetic("+", v, int64(0)) // as an integer
	}
	if i, ok := asBig(v); ok {
		return r.formatInteger(i, r.parseSpec(spec))
	}
	s, ok := asText(v)
	if !ok {
		r.raise("unsupported format string passed to %s.__format__", typeName(v))
	}
	f := r.parseSpec(spec)
	if f.verb != 0 && f.verb != 's' || f.sign != 0 || f.alternate || f.grouping != 0 || f.align == '=' && f.fill != "0" {
		r.raise("invalid format specifier for a str")
	}
	if f.align == '=' {
		f.align = '<'
	}
	if f.precision >= 0 {
		s = cut(s, 0, int(min(f.precision, int64(runeCount(s)))))
	}
	return r.aligned(f, '<', "", s)
}

func (r *renderer) formatInteger(i *big.Int, f formatSpec) string {
	base, prefix := 10, ""
	switch f.verb {
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		x, _ := r.asFloat(fromBig(i))
		return r.formatFloat(x, f)
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.verb)
	case 'c':
		if !i.IsInt64() || !validRune(i.Int64()) {
			r.raise("%%c arg not in range")
		}
		return r.aligned(f, '<', "", string(rune(i.Int64())))
	case 's':
		r.raise("unknown format code 's' for object of type 'int'")
	}
	if f.precision >= 0 {
		r.raise("precision not allowed in integer format specifier")
	}
	digits := new(big.Int).Abs(i).Text(base)
	if f.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if !f.alternate {
		prefix = ""
	}
	every := 3
	if base != 10 {
		every = 4
	}
	return r.numberField(f, i.Sign() < 0, prefix, digits, "", every)
}

func (r *renderer) formatFloat(x float64, f formatSpec) string {
	precision, verb := f.precision, f.verb
	suffix := ""
	switch {
	case verb == '%':
		x, verb, suffix = x*100, 'f', "%"
	case verb == 0 && precision < 0:
		s := floatRepr(x)
		s, minus := strings.CutPrefix(s, "-")
		whole, rest := splitWhole(s)
		return r.numberField(f, minus, "", whole, rest, 3)
	case verb == 0 || verb == 'n':
		verb = 'g'
	case strings.IndexByte("eEfFgG", verb) < 0:
		r.raise("unknown format code '%c' for object of type 'float'", verb)
	}
	if precision < 0 {
		precision = 6
	}
	minus, digits := r.float(x, verb, precision, f.alternate)
	if f.verb == 0 && !strings.ContainsAny(digits, ".en") { // as repr, it has a point
		digits += ".0"
	}
	whole, rest := splitWhole(digits)
	return r.numberField(f, minus, "", whole, rest+suffix, 3)
}

// splitWhole cuts a number before its point or exponent.
func splitWhole(s string) (whole, rest string) {
	if i := strings.IndexAny(s, ".eE"); i >= 0 && isDigit(s[0]) {
		return s[:i], s[i:]
	}
	return s, ""
}

// numberField puts sign, grouping and padding to a number.
func (r *renderer) numberField(f formatSpec, minus bool, prefix, whole, rest string, every int) string {
	sign := ""
	switch {
	case minus:
		sign = "-"
	case f.sign == '+' || f.sign == ' ':
		sign = string(f.sign)
	}
	if f.grouping != 0 {
		zeros := f.width - int64(len(sign+prefix+rest))
		if f.fill == "0" && f.align == '=' { // the zeros are grouped too
			r.allocTimes(zeros, 1)
			for int64(len(whole)+(len(whole)-1)/every) < zeros {
				whole = "0" + whole
				r.scan(len(whole))
			}
		}
		var b strings.Builder
		for i := range len(whole) {
			if i > 0 && (len(whole)-i)%every == 0 {
				b.WriteByte(f.grouping)
			}
			b.WriteByte(whole[i])
		}
		whole = b.String()
	}
	return r.aligned(f, '>', sign+prefix, whole+rest)
}

// aligned brings a text to the width wanted.
func (r *renderer) aligned(f formatSpec, align byte, sign, s string) string {
	if f.align != 0 {
		align = f.align
	}
	pad := f.width - int64(runeCount(s)) - int64(len(sign))
	if pad <= 0 {
		return sign + s
	}
	r.allocTimes(pad, int64(len(f.fill)))
	r.alloc(int64(len(s)) + 16)
	fill := func(n int64) string { return strings.Repeat(f.fill, int(n)) }
	switch align {
	case '<':
		return sign + s + fill(pad)
	case '^':
		return fill(pad/2) + sign + s + fill(pad-pad/2)
	case '=':
		return sign + fill(pad) + s
	}
	return fill(pad) + sign + s
}
