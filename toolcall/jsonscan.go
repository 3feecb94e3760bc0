package toolcall

// jsonScanner reads a JSON value byte by byte and tells where it ends, or where it is none.
type jsonScanner struct {
	open  []byte // the objects and lists around, by their first bytes
	state jsonState
	hex   int    // digits that an escape still has
	word  string // what a literal still has
	ended bool
}

type jsonState uint8

const (
	jsonValue     jsonState = iota // a value is expected
	jsonFirstItem                  // a value, or the list's end
	jsonFirstName                  // a name, or the object's end
	jsonName                       // a name
	jsonColon
	jsonAfter // a comma or an end
	jsonString
	jsonEscape
	jsonHex
	jsonWord
	jsonMinus
	jsonZero
	jsonInteger
	jsonPoint
	jsonFraction
	jsonExponent
	jsonSign
	jsonPower
	jsonNameString // a string that is a name
	jsonNameEscape
	jsonNameHex
)

// maxJSONDepth is how deep arguments may be nested.
const maxJSONDepth = 100

// next reads a byte; false where no JSON goes on with it. The value is an object or a list.
func (s *jsonScanner) next(c byte) bool {
	switch s.state {
	case jsonString, jsonNameString:
		return s.inString(c)
	case jsonEscape, jsonNameEscape:
		return s.escape(c)
	case jsonHex, jsonNameHex:
		if s.hex--; s.hex == 0 {
			s.state -= jsonHex - jsonString
		}
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
	case jsonWord:
		ok := c == s.word[0]
		if s.word = s.word[1:]; s.word == "" {
			s.state = jsonAfter
		}
		return ok
	}
	if jsonMinus <= s.state && s.state <= jsonPower {
		if more, ok := s.number(c); more {
			return ok
		}
		s.state = jsonAfter
	}
	if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
		return true
	}
	return s.mark(c)
}

func (s *jsonScanner) inString(c byte) bool {
	switch {
	case c == '"' && s.state == jsonString:
		s.state = jsonAfter
	case c == '"':
		s.state = jsonColon
	case c == '\\':
		s.state += jsonEscape - jsonString
	}
	return c >= ' '
}

func (s *jsonScanner) escape(c byte) bool {
	s.state -= jsonEscape - jsonString
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		s.state += jsonHex - jsonString
		s.hex = 4
		return true
	}
	return false
}

// number reads a byte of a number; more is false where it ends before.
func (s *jsonScanner) number(c byte) (more, ok bool) {
	digit := '0' <= c && c <= '9'
	to := s.state
	switch {
	case s.state == jsonMinus:
		if to = jsonInteger; c == '0' {
			to = jsonZero
		}
		ok = digit
	case s.state == jsonPoint:
		to, ok = jsonFraction, digit
	case s.state == jsonExponent && (c == '+' || c == '-'):
		to, ok = jsonSign, true
	case s.state == jsonExponent || s.state == jsonSign:
		to, ok = jsonPower, digit
	case digit:
		ok = s.state != jsonZero
	case c == '.' && (s.state == jsonZero || s.state == jsonInteger):
		to, ok = jsonPoint, true
	case (c == 'e' || c == 'E') && s.state != jsonPower:
		to, ok = jsonExponent, true
	default:
		return false, true
	}
	s.state = to
	return true, ok
}

// mark reads a byte between values, names and numbers.
func (s *jsonScanner) mark(c byte) bool {
	switch s.state {
	case jsonValue, jsonFirstItem:
		if c == ']' && s.state == jsonFirstItem {
			return s.close('[')
		}
		return s.begin(c)
	case jsonFirstName, jsonName:
		if c == '}' && s.state == jsonFirstName {
			return s.close('{')
		}
		s.state = jsonNameString
		return c == '"'
	case jsonColon:
		s.state = jsonValue
		return c == ':'
	}
	switch in := s.in(); {
	case c == ',' && in == '{':
		s.state = jsonName
	case c == ',' && in == '[':
		s.state = jsonValue
	case c == '}':
		return s.close('{')
	case c == ']':
		return s.close('[')
	default:
		return false
	}
	return true
}

// begin reads the first byte of a value.
func (s *jsonScanner) begin(c byte) bool {
	switch {
	case c == '{' || c == '[':
		if s.open = append(s.open, c); len(s.open) > maxJSONDepth {
			return false
		}
		if s.state = jsonFirstItem; c == '{' {
			s.state = jsonFirstName
		}
		return true
	case len(s.open) == 0:
		return false
	case c == '"':
		s.state = jsonString
	case c == '-':
		s.state = jsonMinus
	case c == '0':
		s.state = jsonZero
	case '1' <= c && c <= '9':
		s.state = jsonInteger
	default:
		word := map[byte]string{'t': "rue", 'f': "alse", 'n': "ull"}[c]
		s.state, s.word = jsonWord, word
		return word != ""
	}
	return true
}

// in returns what the scanner is within: an object, a list, or 0.
func (s *jsonScanner) in() byte {
	if len(s.open) == 0 {
		return 0
	}
	return s.open[len(s.open)-1]
}

func (s *jsonScanner) close(what byte) bool {
	if s.in() != what {
		return false
	}
	s.open = s.open[:len(s.open)-1]
	s.state, s.ended = jsonAfter, len(s.open) == 0
	return true
}
