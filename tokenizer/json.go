package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/memory"
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

// text reads a string. It is part of the data, or new; use it before the next call.
func (r *jsonReader) text() ([]byte, error) {
	if err := r.expect('"'); err != nil {
		return nil, err
	}
	start, escaped, ascii := r.pos, false, true
	for ; r.pos < len(r.data); r.pos++ {
		switch b := r.data[r.pos]; {
		case b == '"':
			r.pos++
			if text := r.data[start : r.pos-1]; !escaped && (ascii || utf8.Valid(text)) {
				return text, nil
			}
			var s string
			if err := json.Unmarshal(r.data[start-1:r.pos], &s); err != nil {
				return nil, r.errorf("%v", err)
			}
			return []byte(s), nil
		case b == '\\':
			escaped = true
			r.pos++
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, r.errorf("a string without end")
}

// skip reads any value and returns it.
func (r *jsonReader) skip() ([]byte, error) {
	r.peek()
	start, depth := r.pos, 0
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case '"':
			for r.pos++; r.pos < len(r.data) && r.data[r.pos] != '"'; r.pos++ {
				if r.data[r.pos] == '\\' {
					r.pos++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return bytes.TrimSpace(r.data[start:r.pos]), nil
			}
			depth--
		case ',':
			if depth == 0 {
				return bytes.TrimSpace(r.data[start:r.pos]), nil
			}
		}
		r.pos++
	}
	return nil, r.errorf("a value without end")
}

// parseMembers returns the members of an object as parts of data. Of equal names the last counts.
func parseMembers(what string, data []byte) (map[string]json.RawMessage, error) {
	_, members, err := orderedMembers(what, data)
	return members, err
}

// orderedMembers is parseMembers with the names in the order of their first appearance.
func orderedMembers(what string, data []byte) (order []string, members map[string]json.RawMessage, err error) {
	r := &jsonReader{data: data, what: what}
	if err := r.expect('{'); err != nil {
		return nil, nil, err
	}
	members = map[string]json.RawMessage{}
	for more := !r.empty('}'); more; more = r.more('}') {
		name, err := r.text()
		if err != nil {
			return nil, nil, err
		}
		key := string(name)
		if err := r.expect(':'); err != nil {
			return nil, nil, err
		}
		if _, again := members[key]; !again {
			order = append(order, key)
		}
		if members[key], err = r.skip(); err != nil {
			return nil, nil, err
		}
	}
	return order, members, nil
}

// maxNesting bounds how deep values lie in each other; those of known models lie 8 deep.
const maxNesting = 64

// nesting returns how deep values lie in each other in valid JSON, up to a little more than maxNesting.
func nesting(data []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(data) && deepest <= maxNesting; i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

// readObject is orderedMembers for data whose syntax nobody has checked.
func readObject(what string, data []byte) (order []string, members map[string]json.RawMessage, err error) {
	if !json.Valid(data) {
		return nil, nil, fmt.Errorf("%w: %s is not JSON, or cut short", ErrFormat, what)
	}
	if nesting(data) > maxNesting {
		return nil, nil, fmt.Errorf("%w: %s nested deeper than %d", ErrLimit, what, maxNesting)
	}
	return orderedMembers(what, data)
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

// fits returns memory.ErrLimit if the process has no room for a vocabulary of n tokens, each
// of which takes about 80 bytes for its text, its places in the list and in the map. Short
// ones are not asked for.
func fits(n int) error {
	const short, bytesPerToken = 1 << 18, 80
	if n <= short {
		return nil
	}
	return memory.Fits(fmt.Sprintf("a vocabulary of %d tokens", n), bytesPerToken*int64(n))
}

// parseVocabulary reads {"token": id, ...}. Of equal tokens the last counts.
func parseVocabulary(data []byte) (vocabulary, error) {
	r := &jsonReader{data: data, what: "model.vocab"}
	if err := r.expect('{'); err != nil {
		return vocabulary{}, err
	}
	n := bytes.Count(data, []byte{':'})
	if err := fits(n); err != nil {
		return vocabulary{}, err
	}
	ids := make(map[string]int32, n)
	for more := !r.empty('}'); more; more = r.more('}') {
		text, err := r.text()
		if err != nil {
			return vocabulary{}, err
		}
		token := string(text)
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
func parseMerges(data []byte, add func(i int, left, right []byte) error) error {
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

func (r *jsonReader) merge() (left, right []byte, err error) {
	if r.peek() != '[' {
		text, err := r.text()
		if err != nil {
			return nil, nil, err
		}
		left, right, ok := bytes.Cut(text, []byte{' '})
		if !ok || bytes.IndexByte(right, ' ') >= 0 {
			return nil, nil, r.errorf("merge %q is not two tokens", text)
		}
		return left, right, nil
	}
	r.pos++
	if left, err = r.text(); err != nil {
		return
	}
	if err = r.expect(','); err != nil {
		return
	}
	if right, err = r.text(); err != nil {
		return
	}
	return left, right, r.expect(']')
}
