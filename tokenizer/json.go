package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// The vocabulary and the merges of a large model are tens of megabytes of JSON of two simple shapes, which this file reads several
// times faster than encoding/json. That has checked the syntax before.

// jsonReader reads JSON whose syntax is known to be right.
type jsonReader struct {
	data []byte
	pos  int
	what string // for errors
}

func (r *jsonReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s: byte %d: %s", ErrFormat, r.what, r.pos, fmt.Sprintf(format, args...))
}

// peek returns the next byte that is not white space, 0 at the end.
func (r *jsonReader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch b := r.data[r.pos]; b {
		case ' ', '\t', '\r', '\n':
		default:
			return b
		}
	}
	return 0
}

// expect reads the byte want.
func (r *jsonReader) expect(want byte) error {
	if b := r.peek(); b != want {
		return r.errorf("want %q, not %q", want, b)
	}
	r.pos++
	return nil
}

// more tells, after the value of an array or object, whether another one follows; end closes it.
func (r *jsonReader) more(end byte) bool {
	switch r.peek() {
	case ',':
		r.pos++
		return true
	case end:
		r.pos++
	}
	return false
}

// empty reads end if it comes at once.
func (r *jsonReader) empty(end byte) bool {
	if r.peek() == end {
		r.pos++
		return true
	}
	return false
}

func (r *jsonReader) string() (string, error) {
	if err := r.expect('"'); err != nil {
		return "", err
	}
	start, escaped := r.pos, false
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case '"':
			r.pos++
			if !escaped {
				return validUTF8(string(r.data[start : r.pos-1])), nil
			}
			var s string
			if err := json.Unmarshal(r.data[start-1:r.pos], &s); err != nil {
				return "", r.errorf("%v", err)
			}
			return s, nil
		case '\\':
			escaped = true
			r.pos++
		}
		r.pos++
	}
	return "", r.errorf("a string without end")
}

func (r *jsonReader) int32() (int32, error) {
	r.peek()
	n, start := int64(0), r.pos
	for ; r.pos < len(r.data) && '0' <= r.data[r.pos] && r.data[r.pos] <= '9'; r.pos++ {
		if n = 10*n + int64(r.data[r.pos]-'0'); n > math.MaxInt32 {
			return 0, fmt.Errorf("%w: %s: byte %d: an id beyond %d", ErrVocabulary, r.what, start, math.MaxInt32)
		}
	}
	if r.pos == start {
		return 0, r.errorf("want an id, not %q", r.peek())
	}
	if b := r.peek(); b != ',' && b != '}' && b != 0 {
		return 0, r.errorf("want a whole number")
	}
	return int32(n), nil
}

// parseVocabulary reads {"token": id, ...}. Of equal tokens the last counts.
func parseVocabulary(data []byte) (vocabulary, error) {
	r := &jsonReader{data: data, what: "model.vocab"}
	if err := r.expect('{'); err != nil {
		return vocabulary{}, err
	}
	ids := make(map[string]int32, bytes.Count(data, []byte{':'}))
	for more := !r.empty('}'); more; more = r.more('}') {
		token, err := r.string()
		if err != nil {
			return vocabulary{}, err
		}
		if err := r.expect(':'); err != nil {
			return vocabulary{}, err
		}
		id, err := r.int32()
		if err != nil {
			return vocabulary{}, err
		}
		ids[token] = id
	}
	return newVocabulary(ids)
}

// parseMerges reads ["left right", ...] or [["left", "right"], ...] and calls add for each.
func parseMerges(data []byte, add func(i int, left, right string) error) error {
	r := &jsonReader{data: data, what: "model.merges"}
	if err := r.expect('['); err != nil {
		return err
	}
	i := 0
	for more := !r.empty(']'); more; more = r.more(']') {
		left, right, err := r.merge()
		if err != nil {
			return err
		}
		if err := add(i, left, right); err != nil {
			return err
		}
		i++
	}
	return nil
}

func (r *jsonReader) merge() (left, right string, err error) {
	if r.peek() != '[' {
		s, err := r.string()
		if err != nil {
			return "", "", err
		}
		left, right, ok := cutOnce(s)
		if !ok {
			return "", "", r.errorf("merge %q is not two tokens", s)
		}
		return left, right, nil
	}
	r.pos++
	if left, err = r.string(); err != nil {
		return
	}
	if err = r.expect(','); err != nil {
		return
	}
	if right, err = r.string(); err != nil {
		return
	}
	return left, right, r.expect(']')
}

// cutOnce cuts a merge at its only space.
func cutOnce(s string) (left, right string, ok bool) {
	at := -1
	for i := range len(s) {
		if s[i] == ' ' {
			if at >= 0 {
				return "", "", false
			}
			at = i
		}
	}
	if at < 0 {
		return "", "", false
	}
	return s[:at], s[at+1:], true
}
