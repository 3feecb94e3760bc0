package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// percentFormat is one conversion of a printf-style format, such as "%-5.2f".
type percentFormat struct {
	minus, plus, space, zero, sharp bool
	width, precision                int64 // -1: none
	verb                            byte
}

// percent is Python's s % argument. Where safe is set what %s puts in is escaped.
func (r *renderer) percent(s string, argument Value, safe bool) string {
	var b strings.Builder
	args := []Value{argument}
	if t, ok := argument.(*tuple); ok {
		args = t.items
	}
	used := 0
	next := func() Value {
		if used >= len(args) {
			r.raise("not enough arguments for format string")
		}
		used++
		return args[used-1]
	}
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			break
		}
		r.alloc(int64(i))
		b.WriteString(s[:i])
		s = s[i+1:]
		take := next
		if strings.HasPrefix(s, "(") {
			key, rest := r.mappingKey(s)
			s = rest
			d, ok := argument.(*Dict)
			if !ok {
				r.raise("format requires a mapping")
			}
			used = len(args)
			v, ok, _ := r.dictItem(d, key)
			if !ok {
				r.raise("KeyError: '%s'", key)
			}
			take = func() Value { return v }
		}
		f, rest := r.percentSpec(s, next)
		s = rest
		if f.verb == '%' {
			b.WriteByte('%')
			continue
		}
		out := r.convert(f, take(), safe)
		r.alloc(int64(len(out)))
		b.WriteString(out)
	}
	r.alloc(int64(len(s)) + 16)
	b.WriteString(s)
	_, isDict := argument.(*Dict)
	_, isList := argument.(*List)
	if used < len(args) && !isDict && !isList {
		r.raise("not all arguments converted during string formatting")
	}
	return b.String()
}

// mappingKey reads "(name)".
func (r *renderer) mappingKey(s string) (key, rest string) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[1:i], s[i+1:]
			}
		}
	}
	r.raise("incomplete format key")
	return "", ""
}

func (r *renderer) percentSpec(s string, next func() Value) (f percentFormat, rest string) {
	f.width, f.precision = -1, -1
	i := 0
	for ; i < len(s); i++ {
		if p := map[byte]*bool{'-': &f.minus, '+': &f.plus, ' ': &f.space, '0': &f.zero, '#': &f.sharp}[s[i]]; p != nil {
			*p = true
			continue
		}
		break
	}
	number := func() int64 {
		if i < len(s) && s[i] == '*' {
			i++
			return r.index(next())
		}
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i == start {
			return -1
		}
		n, err := strconv.ParseInt(s[start:i], 10, 62)
		if err != nil {
			r.raise("width too big")
		}
		return n
	}
	if f.width = number(); f.width < -1 {
		f.minus, f.width = true, -f.width
	}
	if i < len(s) && s[i] == '.' {
		i++
		f.precision = max(0, number())
	}
	for i < len(s) && strings.IndexByte("hlL", s[i]) >= 0 {
		i++
	}
	if i >= len(s) {
		r.raise("incomplete format")
	}
	f.verb = s[i]
	return f, s[i+1:]
}

func (r *renderer) convert(f percentFormat, v Value, safe bool) string {
	switch f.verb {
	case 's', 'r', 'a':
		var s string
		switch {
		case f.verb != 's':
			s = r.reprOf(v)
			if safe {
				s = r.escape(s)
			}
		case safe:
			s = r.escaped(v)
		default:
			s = r.str(v)
		}
		if f.verb == 'a' && !isASCII(s) {
			r.fail(ErrUnsupported, "%%a of what is not ASCII")
		}
		if f.precision >= 0 {
			s = cut(s, 0, int(min(f.precision, int64(runeCount(s)))))
		}
		return r.padded(f, "", s, false)
	case 'c':
		if s, ok := asText(v); ok && runeCount(s) == 1 {
			return r.padded(f, "", s, false)
		}
		if i, ok := asInt(v); ok && validRune(i) {
			return r.padded(f, "", string(rune(i)), false)
		}
		r.raise("%%c requires int or char")
	case 'd', 'i', 'u':
		if x, ok := v.(float64); ok {
			if i := big.NewFloat(x); x == x && !i.IsInf() {
				whole, _ := i.Int(nil)
				v = fromBig(whole)
			}
		}
		return r.wholePercent(f, v, 10, "")
	case 'x', 'X':
		return r.wholePercent(f, v, 16, "0"+string(f.verb))
	case 'o':
		return r.wholePercent(f, v, 8, "0o")
	case 'e', 'E', 'f', 'F', 'g', 'G':
		r.defined(v)
		x, ok := r.asFloat(v)
		if !ok {
			r.raise("must be real number, not %s", typeName(v))
		}
		precision := f.precision
		if precision < 0 {
			precision = 6
		}
		sign, digits := r.float(x, f.verb, precision, f.sharp)
		return r.padded(f, f.sign(sign), digits, true)
	}
	c, _ := utf8.DecodeRuneInString(string(f.verb))
	r.raise("unsupported format character '%c'", c)
	return ""
}

func (f percentFormat) sign(minus bool) string {
	switch {
	case minus:
		return "-"
	case f.plus:
		return "+"
	case f.space:
		return " "
	}
	return ""
}

func (r *renderer) wholePercent(f percentFormat, v Value, base int, prefix string) string {
	i, ok := asBig(v)
	if !ok {
		r.defined(v)
		r.raise("%%%c format: an integer is required, not %s", f.verb, typeName(v))
	}
	digits := new(big.Int).Abs(i).Text(base)
	if base == 10 && len(digits) > 4300 {
		r.raise("Exceeds the limit (4300 digits) for integer string conversion")
	}
	if f.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if n := f.precision - int64(len(digits)); n > 0 {
		r.allocTimes(n, 1)
		digits = strings.Repeat("0", int(n)) + digits
	}
	sign := f.sign(i.Sign() < 0)
	if f.sharp {
		sign += prefix
	}
	return r.padded(f, sign, digits, true)
}

// padded brings a text to the width wanted.
func (r *renderer) padded(f percentFormat, sign, s string, number bool) string {
	pad := f.width - int64(runeCount(s)) - int64(len(sign))
	if pad <= 0 {
		return sign + s
	}
	r.allocTimes(pad, 1)
	r.alloc(int64(len(s)) + 16)
	switch {
	case f.minus:
		return sign + s + strings.Repeat(" ", int(pad))
	case f.zero && number:
		return sign + strings.Repeat("0", int(pad)) + s
	}
	return strings.Repeat(" ", int(pad)) + sign + s
}

// float writes the digits of a number by one of the verbs e, f and g, without its sign.
func (r *renderer) float(x float64, verb byte, precision int64, alternate bool) (minus bool, digits string) {
	if precision > 10000 {
		r.fail(ErrLimit, "more than 10000 digits after the point")
	}
	r.alloc(precision + 400)
	r.step(int(precision))
	lower := verb | 0x20
	if lower == 'g' && precision == 0 {
		precision = 1
	}
	if lower == 'g' && alternate {
		r.fail(ErrUnsupported, "the format #g")
	}
	s := strconv.FormatFloat(x, lower, int(precision), 64)
	if lower == 'g' {
		s = generalFloat(x, int(precision))
	}
	s, minus = strings.CutPrefix(s, "-")
	switch strings.TrimPrefix(s, "+") {
	case "Inf":
		s = "inf"
	case "NaN":
		s, minus = "nan", false
	}
	if alternate && !strings.Contains(s, ".") && s != "inf" && s != "nan" {
		if i := strings.IndexByte(s, 'e'); i >= 0 {
			s = s[:i] + "." + s[i:]
		} else {
			s += "."
		}
	}
	if verb < 'a' {
		s = strings.ToUpper(s)
	}
	return minus, s
}

// generalFloat is C's %g: Go's changes to the exponential form elsewhere.
func generalFloat(x float64, precision int) string {
	s := strconv.FormatFloat(x, 'e', precision-1, 64)
	mantissa, exponent, ok := strings.Cut(s, "e")
	if !ok {
		return s
	}
	e, _ := strconv.Atoi(exponent)
	if e < -4 || e >= precision {
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return mantissa + "e" + exponent
	}
	s = strconv.FormatFloat(x, 'f', precision-1-e, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
