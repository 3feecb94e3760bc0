package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// fromBig returns an integer in its one form: int64 where it fits.
func fromBig(i *big.Int) Value {
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}

// asBig returns an integer or a truth value as a big.Int.
func asBig(v Value) (*big.Int, bool) {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v), true
	case bool:
		if v {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	case *big.Int:
		return v, true
	}
	return nil, false
}

// asInt returns a small integer.
func asInt(v Value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// index returns an integer that says where or how many; one too large for int64 becomes the largest.
func (m *meter) index(v Value) int64 {
	if i, ok := asInt(v); ok {
		return i
	}
	if b, ok := v.(*big.Int); ok {
		if b.Sign() < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	m.raise("'%s' object cannot be interpreted as an integer", typeName(v))
	return 0
}

// asFloat returns any number as a float.
func (m *meter) asFloat(v Value) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		if math.IsInf(f, 0) {
			m.raise("int too large to convert to float")
		}
		return f, true
	}
	i, ok := asInt(v)
	return float64(i), ok
}

func isNumber(v Value) bool {
	switch v.(type) {
	case bool, int64, *big.Int, float64:
		return true
	}
	return false
}

// floatRepr is Python's repr of a float: the shortest digits that give it back.
func floatRepr(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(s, "e")
	if e, _ := strconv.Atoi(exponent); f != 0 && (e < -4 || e >= 16) {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// integer wraps an integer that an operation made.
func (m *meter) integer(i *big.Int) Value {
	if i.BitLen() > maxIntegerBits {
		m.fail(ErrLimit, "an integer of more than %d bits", maxIntegerBits)
	}
	if !i.IsInt64() {
		m.alloc(int64(i.BitLen()/8) + 32)
	}
	return fromBig(i)
}

// arithmetic applies an operator to two numbers.
func (m *meter) arithmetic(op tokenKind, x, y Value) Value {
	a, xWhole := asBig(x)
	b, yWhole := asBig(y)
	if xWhole && yWhole && op != "/" && !(op == "**" && b.Sign() < 0) {
		return m.whole(op, a, b)
	}
	f, _ := m.asFloat(x)
	g, _ := m.asFloat(y)
	switch op {
	case "+":
		return f + g
	case "-":
		return f - g
	case "*":
		return f * g
	case "**":
		return m.power(f, g)
	}
	if g == 0 {
		m.raise("division by zero")
	}
	switch op {
	case "/":
		if xWhole && yWhole {
			m.step((a.BitLen() + b.BitLen()) / 2)
			q, _ := new(big.Rat).SetFrac(a, b).Float64()
			return q
		}
		return f / g
	case "//":
		return m.floorDiv(f, g)
	}
	return floorMod(f, g)
}

func (m *meter) whole(op tokenKind, a, b *big.Int) Value {
	m.step((a.BitLen() + b.BitLen()) / 16)
	z := new(big.Int)
	switch op {
	case "+":
		z.Add(a, b)
	case "-":
		z.Sub(a, b)
	case "*":
		z.Mul(a, b)
	case "**":
		if a.BitLen() > 1 && (!b.IsInt64() || b.Int64() > maxIntegerBits || int64(a.BitLen()-1)*b.Int64() > maxIntegerBits) {
			m.fail(ErrLimit, "an integer of more than %d bits", maxIntegerBits)
		}
		if a.BitLen() <= 1 { // 0, 1 or -1
			b = new(big.Int).And(b, big.NewInt(1)).Or(b, new(big.Int))
			if a.Sign() == 0 && b.Sign() != 0 {
				return int64(0)
			}
			if a.Sign() > 0 || b.Bit(0) == 0 {
				return int64(1)
			}
			return int64(-1)
		}
		z.Exp(a, b, nil)
	default:
		if b.Sign() == 0 {
			m.raise("integer division or modulo by zero")
		}
		r := new(big.Int)
		z.QuoRem(a, b, r)
		if r.Sign() != 0 && r.Sign() != b.Sign() {
			z.Sub(z, big.NewInt(1))
			r.Add(r, b)
		}
		if op == "%" {
			z = r
		}
	}
	return m.integer(z)
}

func (m *meter) power(f, g float64) Value {
	switch {
	case f == 0 && g < 0:
		m.raise("0.0 cannot be raised to a negative power")
	case f < 0 && g != math.Trunc(g):
		m.fail(ErrUnsupported, "a complex number")
	}
	p := math.Pow(f, g)
	if math.IsInf(p, 0) && !math.IsInf(f, 0) && !math.IsInf(g, 0) {
		m.raise("numerical result out of range")
	}
	return p
}

func (m *meter) floorDiv(f, g float64) float64 {
	r := floorMod(f, g)
	return math.Floor((f-r)/g + 0.5)
}

func floorMod(f, g float64) float64 {
	r := math.Mod(f, g)
	if r != 0 && (r < 0) != (g < 0) {
		return r + g
	}
	if r == 0 {
		return math.Copysign(0, g)
	}
	return r
}

// parseInteger is Python's int(text, base).
func parseInteger(s string, base int) (*big.Int, bool) {
	s = strings.TrimFunc(s, isSpace)
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	if len(s) > 1 && s[0] == '0' {
		if b := map[byte]int{'b': 2, 'o': 8, 'x': 16}[s[1]|0x20]; b > 0 && (b == base || base == 0) {
			s, base = strings.TrimPrefix(s[2:], "_"), b
		}
	}
	if base == 0 {
		base = 10
		if len(s) > 1 && s[0] == '0' && strings.Trim(s, "0_") != "" {
			return nil, false
		}
	}
	if s == "" || len(s) > 4300 || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") || base < 2 || base > 36 {
		return nil, false
	}
	if s[0] == '-' || s[0] == '+' {
		return nil, false
	}
	return new(big.Int).SetString(sign+asciiDigits(strings.ReplaceAll(s, "_", "")), base)
}

// parseFloat is Python's float(text).
func parseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
		return 0, false
	}
	for i := range len(s) {
		if s[i] == '_' && !(isDigit(s[i-1]) && isDigit(s[i+1])) {
			return 0, false
		}
	}
	s = asciiDigits(strings.ReplaceAll(s, "_", ""))
	if strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0) && strings.ContainsAny(s, "0123456789")
}
