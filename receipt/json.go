package receipt

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

var (
	// ErrJSON reports text that is not JSON (RFC 8259).
	ErrJSON = errors.New("not JSON")
	// ErrDuplicateKey reports an object that has a key twice: readers disagree about
	// what such an object says.
	ErrDuplicateKey = errors.New("duplicate key")
	// ErrUTF8 reports text that is not UTF-8.
	ErrUTF8 = errors.New("not UTF-8")
	// ErrNumber reports NaN, an infinity or a number that float64 cannot hold.
	ErrNumber = errors.New("not a finite number")
	// ErrLimit reports JSON that is larger or deeper than any receipt.
	ErrLimit = errors.New("beyond the limits of a receipt")
)

// Limits of what is read.
const (
	MaxBytes  = 128 << 20 // of a document
	maxDepth  = 256       // of arrays and objects in one another
	maxValues = 1 << 20   // in a document
)

// kind says what a node is.
type kind byte

const (
	literal kind = iota // a number, true, false or null
	text
	array
	object
)

// node is a JSON value. It keeps the text of numbers, and lone surrogates in strings
// as the three bytes that UTF-8 would have for them, so that strings are in the order
// of their code points when their bytes are.
type node struct {
	kind  kind
	value string   // a literal as it stands; a string decoded
	keys  []string // of an object, in order
	list  []node   // of an array; the values of an object
}

// get returns the value of an object's key.
func (n *node) get(key string) (*node, bool) {
	for i, k := range n.keys {
		if k == key {
			return &n.list[i], true
		}
	}
	return nil, false
}

// without returns an object less some keys.
func (n *node) without(keys ...string) *node {
	rest := &node{kind: n.kind}
next:
	for i, k := range n.keys {
		for _, other := range keys {
			if k == other {
				continue next
			}
		}
		rest.keys, rest.list = append(rest.keys, k), append(rest.list, n.list[i])
	}
	return rest
}

// parse reads a document strictly. Errors name the byte.
func parse(data []byte) (*node, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%d bytes: %w", len(data), ErrLimit)
	}
	p := parser{data: data}
	n, err := p.document()
	if err != nil {
		return nil, fmt.Errorf("byte %d: %w", p.at, err)
	}
	return n, nil
}

type parser struct {
	data   []byte
	at     int
	depth  int
	values int
}

func (p *parser) document() (*node, error) {
	var n node
	if err := p.read(&n); err != nil {
		return nil, err
	}
	if p.skip(); p.at < len(p.data) {
		return nil, fmt.Errorf("%w: something follows the end", ErrJSON)
	}
	return &n, nil
}

// skip goes past white space.
func (p *parser) skip() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next returns the next byte after white space, 0 at the end.
func (p *parser) next() byte {
	p.skip()
	if p.at == len(p.data) {
		return 0
	}
	return p.data[p.at]
}

func (p *parser) read(n *node) error {
	if p.values++; p.values > maxValues {
		return fmt.Errorf("more than %d values: %w", maxValues, ErrLimit)
	}
	switch c := p.next(); c {
	case 0:
		if p.at == len(p.data) {
			return fmt.Errorf("%w: it ends too soon", ErrJSON)
		}
		return fmt.Errorf("%w: a NUL byte", ErrJSON)
	case '{', '[':
		if p.depth++; p.depth > maxDepth {
			return fmt.Errorf("nested more than %d deep: %w", maxDepth, ErrLimit)
		}
		defer func() { p.depth-- }()
		if c == '{' {
			return p.object(n)
		}
		return p.array(n)
	case '"':
		n.kind = text
		var err error
		n.value, err = p.string()
		return err
	case 't', 'f', 'n':
		for _, word := range []string{"true", "false", "null"} {
			if p.word(word) {
				n.value = word
				return nil
			}
		}
		return fmt.Errorf("%w: unknown word", ErrJSON)
	case 'N', 'I':
		return fmt.Errorf("NaN and Infinity are not JSON: %w", ErrNumber)
	default:
		return p.number(n)
	}
}

func (p *parser) word(word string) bool {
	if len(p.data)-p.at < len(word) || string(p.data[p.at:p.at+len(word)]) != word {
		return false
	}
	p.at += len(word)
	return true
}

func (p *parser) array(n *node) error {
	n.kind = array
	p.at++
	if p.next() == ']' {
		p.at++
		return nil
	}
	for {
		var element node
		if err := p.read(&element); err != nil {
			return err
		}
		n.list = append(n.list, element)
		switch p.next() {
		case ',':
			p.at++
		case ']':
			p.at++
			return nil
		default:
			return fmt.Errorf("%w: expected , or ]", ErrJSON)
		}
	}
}

func (p *parser) object(n *node) error {
	n.kind = object
	seen := map[string]bool{}
	p.at++
	if p.next() == '}' {
		p.at++
		return nil
	}
	for {
		if p.next() != '"' {
			return fmt.Errorf("%w: expected a key", ErrJSON)
		}
		key, err := p.string()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%w: %.60q", ErrDuplicateKey, key)
		}
		seen[key] = true
		if p.next() != ':' {
			return fmt.Errorf("%w: expected a colon", ErrJSON)
		}
		p.at++
		var value node
		if err := p.read(&value); err != nil {
			return err
		}
		n.keys, n.list = append(n.keys, key), append(n.list, value)
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return nil
		default:
			return fmt.Errorf("%w: expected , or }", ErrJSON)
		}
	}
}

// string reads a string that begins here.
func (p *parser) string() (string, error) {
	p.at++
	var s []byte
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return string(s), nil
		case c == '\\':
			var err error
			if s, err = p.escape(s); err != nil {
				return "", err
			}
		case c < ' ':
			return "", fmt.Errorf("%w: a control character in a string", ErrJSON)
		case c < utf8.RuneSelf:
			s = append(s, c)
			p.at++
		default:
			r, n := utf8.DecodeRune(p.data[p.at:])
			if r == utf8.RuneError && n == 1 {
				return "", ErrUTF8
			}
			s = append(s, p.data[p.at:p.at+n]...)
			p.at += n
		}
	}
	return "", fmt.Errorf("%w: a string does not end", ErrJSON)
}

// escape reads what follows a backslash.
func (p *parser) escape(s []byte) ([]byte, error) {
	if p.at+1 == len(p.data) {
		return nil, fmt.Errorf("%w: a string does not end", ErrJSON)
	}
	c := p.data[p.at+1]
	if c == 'u' {
		unit, ok := p.unit(p.at)
		if !ok {
			return nil, fmt.Errorf("%w: \\u without four hexadecimal digits", ErrJSON)
		}
		p.at += 6
		if unit >= 0xd800 && unit < 0xdc00 {
			if low, ok := p.unit(p.at); ok && low >= 0xdc00 && low < 0xe000 {
				p.at += 6
				return utf8.AppendRune(s, 0x10000+(unit-0xd800)<<10+(low-0xdc00)), nil
			}
		}
		if unit >= 0xd800 && unit < 0xe000 { // lone: Python lets it stand
			return append(s, 0xe0|byte(unit>>12), 0x80|byte(unit>>6&0x3f), 0x80|byte(unit&0x3f)), nil
		}
		return utf8.AppendRune(s, unit), nil
	}
	for i, name := range []byte(`"\/bfnrt`) {
		if c == name {
			p.at += 2
			return append(s, "\"\\/\b\f\n\r\t"[i]), nil
		}
	}
	return nil, fmt.Errorf("%w: unknown escape", ErrJSON)
}

// unit reads the UTF-16 unit of an escape \uXXXX at byte at.
func (p *parser) unit(at int) (rune, bool) {
	if len(p.data)-at < 6 || p.data[at] != '\\' || p.data[at+1] != 'u' {
		return 0, false
	}
	u := rune(0)
	for _, c := range p.data[at+2 : at+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	return u, true
}

// number reads a number and keeps its text.
func (p *parser) number(n *node) error {
	start := p.at
	if p.at < len(p.data) && p.data[p.at] == '-' {
		p.at++
	}
	if p.at < len(p.data) && p.data[p.at] == 'I' {
		return fmt.Errorf("NaN and Infinity are not JSON: %w", ErrNumber)
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.data[p.at-whole] == '0' {
		return fmt.Errorf("%w: not a value", ErrJSON)
	}
	fraction := false
	if p.at < len(p.data) && p.data[p.at] == '.' {
		p.at++
		if fraction = true; p.digits() == 0 {
			return fmt.Errorf("%w: a point without digits", ErrJSON)
		}
	}
	if p.at < len(p.data) && (p.data[p.at] == 'e' || p.data[p.at] == 'E') {
		p.at++
		if p.at < len(p.data) && (p.data[p.at] == '+' || p.data[p.at] == '-') {
			p.at++
		}
		if fraction = true; p.digits() == 0 {
			return fmt.Errorf("%w: an exponent without digits", ErrJSON)
		}
	}
	n.value = string(p.data[start:p.at])
	if fraction {
		if x, _ := strconv.ParseFloat(n.value, 64); math.IsInf(x, 0) {
			return fmt.Errorf("%.40s: %w", n.value, ErrNumber)
		}
	}
	return nil
}

func (p *parser) digits() int {
	start := p.at
	for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}
