package receipt

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Canonical returns a JSON document in the one form that is hashed, signed and
// logged: that of Python's json.dumps(v, sort_keys=True, separators=(",", ":")). Keys
// are sorted by code point at every level, what is not printable ASCII is escaped, and
// numbers keep their text. Errors: ErrJSON, ErrDuplicateKey, ErrUTF8, ErrNumber,
// ErrLimit.
func Canonical(document []byte) ([]byte, error) {
	n, err := parse(document)
	if err != nil {
		return nil, err
	}
	return n.canonical(), nil
}

// CanonicalOf returns the canonical form of a Go value, as encoding/json sees it, with
// floats as Python prints them.
func CanonicalOf(v any) ([]byte, error) {
	n, err := nodeOf(v)
	if err != nil {
		return nil, err
	}
	return n.canonical(), nil
}

// WriteJSON writes a receipt of any kind but [Execution] as indented JSON, floats as
// Python prints them, and a newline.
func WriteJSON(w io.Writer, receipt any) error {
	n, err := nodeOf(receipt)
	if err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	_, err = w.Write(n.indented())
	return err
}

// Digest returns the SHA-256, in hex, of the canonical form of a Go value.
func Digest(v any) (string, error) {
	b, err := CanonicalOf(v)
	if err != nil {
		return "", err
	}
	return sum(b), nil
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// nodeOf returns a Go value as JSON, its floats as Python prints them.
func nodeOf(v any) (*node, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	n, err := parse(b.Bytes())
	if err != nil {
		return nil, err
	}
	n.pythonFloats()
	return n, nil
}

// pythonFloats rewrites the numbers that have a point or an exponent.
func (n *node) pythonFloats() {
	if n.kind == literal && strings.ContainsAny(n.value, ".eE") && n.value[0] <= '9' { // not true or false
		x, _ := strconv.ParseFloat(n.value, 64) // parse has checked it
		n.value = pythonFloat(x)
	}
	for i := range n.list {
		n.list[i].pythonFloats()
	}
}

// Float is a float64 whose JSON is always that of a Python float, such as 12.0.
type Float float64

// MarshalJSON writes x as Python prints it. NaN and infinities are errors.
func (x Float) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		return nil, ErrNumber
	}
	return []byte(pythonFloat(float64(x))), nil
}

// pythonFloat returns what Python's repr does: the shortest digits that read back as
// x, with an exponent below 1e-4 and from 1e16 on.
func pythonFloat(x float64) string {
	s := strconv.FormatFloat(x, 'e', -1, 64)
	exponent, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return s
	}
	s = strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// canonical writes n without white space, its keys sorted.
func (n *node) canonical() []byte { return n.append(nil, true, "", "") }

// indented writes n as Python's json.dumps(v, indent=2) does, its keys as they come.
func (n *node) indented() []byte { return append(n.append(nil, false, "\n", "  "), '\n') }

// append writes n to b. Elements stand on lines of their own, newline and one indent
// more than n's, unless newline is empty.
func (n *node) append(b []byte, sorted bool, newline, indent string) []byte {
	switch n.kind {
	case literal:
		return append(b, n.value...)
	case text:
		return appendString(b, n.value)
	}
	open, end, separator, colon := byte('['), byte(']'), ",", ":"
	if n.kind == object {
		open, end = '{', '}'
	}
	inner := ""
	if newline != "" {
		inner, colon = newline+indent, ": "
	}
	if len(n.list) == 0 {
		return append(b, open, end)
	}
	order := make([]int, len(n.list))
	for i := range order {
		order[i] = i
	}
	if sorted && n.kind == object {
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(n.keys[i], n.keys[j]) })
	}
	b = append(b, open)
	for at, i := range order {
		if at > 0 {
			b = append(b, separator...)
		}
		b = append(b, inner...)
		if n.kind == object {
			b = append(appendString(b, n.keys[i]), colon...)
		}
		b = n.list[i].append(b, sorted, inner, indent)
	}
	return append(append(b, newline...), end)
}

const hexDigits = "0123456789abcdef"

// appendString writes a string in ASCII, as Python does: its own escapes where JSON
// has them, \uXXXX for all else that is not printable, surrogate pairs above the BMP.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if at := strings.IndexByte("\"\\\b\f\n\r\t", c); at >= 0 {
			b = append(b, '\\', `"\bfnrt`[at])
			i++
			continue
		}
		if c >= ' ' && c <= '~' {
			b = append(b, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 { // a lone surrogate, which parse has kept
			r, size = rune(c&0x0f)<<12|rune(s[i+1]&0x3f)<<6|rune(s[i+2]&0x3f), 3
		}
		i += size
		if r >= 0x10000 {
			b = appendUnit(b, 0xd800+(r-0x10000)>>10)
			r = 0xdc00 + (r-0x10000)&0x3ff
		}
		b = appendUnit(b, r)
	}
	return append(b, '"')
}

func appendUnit(b []byte, u rune) []byte {
	return append(b, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}
