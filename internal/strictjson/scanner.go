package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// What errors report, beside the reader's sentinel.
var (
	ErrSyntax       = errors.New("not JSON") // RFC 8259
	ErrType         = errors.New("not the value expected")
	ErrDuplicateKey = errors.New("duplicate key")
	ErrUTF8         = errors.New("not UTF-8")
	ErrNumber       = errors.New("not a finite number") // NaN, an infinity, or beyond float64
	ErrLimit        = errors.New("beyond the limits of JSON read here")
)

// maxDepth bounds how deep objects and arrays lie in each other; those of known files lie
// 8 deep.
const maxDepth = 256

// scanner goes through JSON text once, value by value. It is the one place that knows the
// grammar.
type scanner struct {
	text  []byte
	at    int
	depth int
	keys  [][]byte // of the objects around, the innermost last
	// python lets lone surrogates stand in strings, as Python does: as the three bytes
	// that UTF-8 would have for them, so that strings are in the order of their code points
	// when their bytes are.
	python bool
}

// next goes past white space and returns the byte there, 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		if c := s.text[s.at]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// end demands that nothing but white space is left.
func (s *scanner) end() error {
	if s.next(); s.at < len(s.text) {
		return fmt.Errorf("%w: something follows the end", ErrSyntax)
	}
	return nil
}

// unexpected is the error of a value that begins otherwise than wanted.
func (s *scanner) unexpected(wanted string) error {
	if c := s.next(); s.at < len(s.text) {
		return fmt.Errorf("%w: %q found, %s expected", ErrSyntax, c, wanted)
	}
	return fmt.Errorf("%w: it ends where %s is expected", ErrSyntax, wanted)
}

// list reads what stands between two brackets; element is called at each element and must
// read it.
func (s *scanner) list(begin, end byte, element func() error) error {
	if s.next() != begin {
		return s.unexpected(string(rune(begin)))
	}
	if s.depth++; s.depth > maxDepth {
		return fmt.Errorf("nested more than %d deep: %w", maxDepth, ErrLimit)
	}
	if s.at++; s.next() == end {
		s.at++
		s.depth--
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.at++
		case end:
			s.at++
			s.depth--
			return nil
		default:
			return s.unexpected(", or " + string(rune(end)))
		}
	}
}

// array reads an array.
func (s *scanner) array(element func() error) error { return s.list('[', ']', element) }

// members reads an object, whose keys may repeat. A key may be part of the text: it is
// valid until the text is changed.
func (s *scanner) members(member func(key []byte) error) error {
	return s.list('{', '}', func() error {
		key, err := s.string()
		if err != nil {
			return err
		}
		if s.next() != ':' {
			return s.unexpected("a colon")
		}
		s.at++
		return member(key)
	})
}

// object reads an object, whose keys may not repeat.
func (s *scanner) object(member func(key []byte) error) error {
	k := keys{base: len(s.keys)}
	err := s.members(func(key []byte) error {
		if s.twice(&k, key) {
			return fmt.Errorf("key %.60q appears twice: %w", key, ErrDuplicateKey)
		}
		return member(key)
	})
	s.keys = s.keys[:k.base]
	return err
}

// keys are those of one object so far: the scanner's from base on, while they are few.
type keys struct {
	base int
	many map[string]struct{}
}

// fewKeys is up to how many keys comparing with each is faster than a map.
const fewKeys = 24

// twice notes a key and tells whether the object has it already.
func (s *scanner) twice(k *keys, key []byte) bool {
	if k.many == nil {
		few := s.keys[k.base:]
		for _, known := range few {
			if bytes.Equal(known, key) {
				return true
			}
		}
		if len(few) < fewKeys {
			s.keys = append(s.keys, key)
			return false
		}
		k.many = map[string]struct{}{}
		for _, known := range few {
			k.many[string(known)] = struct{}{}
		}
	}
	if _, twice := k.many[string(key)]; twice {
		return true
	}
	k.many[string(key)] = struct{}{}
	return false
}

// skip steps over any value; with once no object in it may have a key twice.
func (s *scanner) skip(once bool) (err error) {
	member := func([]byte) error { return s.skip(once) }
	switch s.next() {
	case '{':
		if once {
			return s.object(member)
		}
		return s.members(member)
	case '[':
		return s.array(func() error { return s.skip(once) })
	case '"':
		_, err = s.string()
	default:
		_, err = s.literal()
	}
	return err
}

// literal reads a number, true, false or null and returns its text.
func (s *scanner) literal() ([]byte, error) {
	switch s.next() {
	case 't', 'f', 'n':
		for _, word := range []string{"true", "false", "null"} {
			if s.word(word) {
				return s.text[s.at-len(word) : s.at], nil
			}
		}
		return nil, fmt.Errorf("%w: unknown word", ErrSyntax)
	case 'N', 'I':
		return nil, fmt.Errorf("NaN and Infinity are not JSON: %w", ErrNumber)
	}
	return s.number()
}

func (s *scanner) word(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

// number reads a number that float64 can hold, if not exactly, and returns its text.
func (s *scanner) number() ([]byte, error) {
	start := s.at
	s.take("-")
	if s.at < len(s.text) && s.text[s.at] == 'I' {
		return nil, fmt.Errorf("NaN and Infinity are not JSON: %w", ErrNumber)
	}
	first := s.at
	switch whole := s.digits(); {
	case whole == 0:
		return nil, s.unexpected("a value")
	case whole > 1 && s.text[first] == '0':
		return nil, fmt.Errorf("%w: a number begins with 0", ErrSyntax)
	}
	exponent := false
	if s.take(".") && s.digits() == 0 {
		return nil, fmt.Errorf("%w: a point without digits", ErrSyntax)
	}
	if s.take("eE") {
		exponent = true
		s.take("+-")
		if s.digits() == 0 {
			return nil, fmt.Errorf("%w: an exponent without digits", ErrSyntax)
		}
	}
	text := s.text[start:s.at]
	if exponent {
		if x, _ := strconv.ParseFloat(string(text), 64); math.IsInf(x, 0) {
			return nil, fmt.Errorf("%.40s: %w", text, ErrNumber)
		}
	}
	return text, nil
}

// take steps over one of some bytes.
func (s *scanner) take(bytes string) bool {
	for i := range len(bytes) {
		if s.at < len(s.text) && s.text[s.at] == bytes[i] {
			s.at++
			return true
		}
	}
	return false
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// plain are the bytes that stand for themselves in a string, each a character.
var plain = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// string reads a string. Without escapes it is a part of the text.
func (s *scanner) string() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.unexpected("a string")
	}
	s.at++
	start := s.at
	var decoded []byte // what is read so far, once there was an escape
	escaped := false
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			if escaped {
				return decoded, nil
			}
			return s.text[start : s.at-1], nil
		case c == '\\':
			if !escaped {
				decoded, escaped = bytes.Clone(s.text[start:s.at]), true
			}
			var err error
			if decoded, err = s.escape(decoded); err != nil {
				return nil, err
			}
			continue
		case c < ' ':
			return nil, fmt.Errorf("%w: a control character in a string", ErrSyntax)
		case plain[c]:
			from := s.at
			for s.at++; s.at < len(s.text) && plain[s.text[s.at]]; s.at++ {
			}
			if escaped {
				decoded = append(decoded, s.text[from:s.at]...)
			}
		default:
			r, n := utf8.DecodeRune(s.text[s.at:])
			if r == utf8.RuneError && n == 1 {
				return nil, ErrUTF8
			}
			if escaped {
				decoded = append(decoded, s.text[s.at:s.at+n]...)
			}
			s.at += n
		}
	}
	return nil, fmt.Errorf("%w: a string does not end", ErrSyntax)
}

// escape reads a backslash and what follows it.
func (s *scanner) escape(to []byte) ([]byte, error) {
	if s.at+1 == len(s.text) {
		return nil, fmt.Errorf("%w: a string does not end", ErrSyntax)
	}
	c := s.text[s.at+1]
	if c == 'u' {
		unit, ok := s.unit(s.at)
		if !ok {
			return nil, fmt.Errorf("%w: \\u without four hexadecimal digits", ErrSyntax)
		}
		s.at += 6
		if unit >= 0xd800 && unit < 0xdc00 {
			if low, ok := s.unit(s.at); ok && low >= 0xdc00 && low < 0xe000 {
				s.at += 6
				return utf8.AppendRune(to, 0x10000+(unit-0xd800)<<10+(low-0xdc00)), nil
			}
		}
		if unit < 0xd800 || unit >= 0xe000 {
			return utf8.AppendRune(to, unit), nil
		}
		if !s.python {
			return nil, fmt.Errorf("%w: half a surrogate pair", ErrUTF8)
		}
		return append(to, 0xe0|byte(unit>>12), 0x80|byte(unit>>6&0x3f), 0x80|byte(unit&0x3f)), nil
	}
	for i, name := range []byte(`"\/bfnrt`) {
		if c == name {
			s.at += 2
			return append(to, "\"\\/\b\f\n\r\t"[i]), nil
		}
	}
	return nil, fmt.Errorf("%w: unknown escape", ErrSyntax)
}

// unit reads the UTF-16 unit of an escape \uXXXX at byte at.
func (s *scanner) unit(at int) (rune, bool) {
	if len(s.text)-at < 6 || s.text[at] != '\\' || s.text[at+1] != 'u' {
		return 0, false
	}
	u := rune(0)
	for _, c := range s.text[at+2 : at+6] {
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
