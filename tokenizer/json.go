package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/memory"
)

// Read with strictjson, whose grammar is the reference's too, but that names may repeat: of equal ones the last counts there.

// parseMembers returns the members of an object as parts of data. Of equal names the last counts.
func parseMembers(what string, data []byte) (map[string]json.RawMessage, error) {
	_, members, err := orderedMembers(what, data)
	return members, err
}

// orderedMembers is parseMembers with the names in the order of their first appearance.
func orderedMembers(what string, data []byte) (order []string, members map[string]json.RawMessage, err error) {
	members = map[string]json.RawMessage{}
	d := strictjson.NewDecoder(data, ErrFormat)
	err = d.Members(func(key []byte) (err error) {
		name := string(key)
		if _, again := members[name]; !again {
			order = append(order, name)
		}
		members[name], err = d.Raw()
		return err
	})
	if err == nil {
		err = d.Finish()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, err)
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

// readObject is orderedMembers of a whole file, whose depth nobody has checked.
func readObject(what string, data []byte) (order []string, members map[string]json.RawMessage, err error) {
	if order, members, err = orderedMembers(what, data); errors.Is(err, strictjson.ErrLimit) {
		return nil, nil, fmt.Errorf("%w: %w", ErrLimit, err)
	}
	if err == nil && nesting(data) > maxNesting {
		err = fmt.Errorf("%w: %s nested deeper than %d", ErrLimit, what, maxNesting)
	}
	return order, members, err
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
	n := bytes.Count(data, []byte{':'})
	if err := fits(n); err != nil {
		return vocabulary{}, err
	}
	ids := make(map[string]int32, n)
	d := strictjson.NewDecoder(data, ErrFormat)
	err := d.Members(func(token []byte) error {
		id, err := d.Integer()
		if err == nil && id > math.MaxInt32 {
			err = fmt.Errorf("%w: an id beyond %d", ErrVocabulary, math.MaxInt32)
		}
		ids[string(token)] = int32(id)
		return err
	})
	if err != nil {
		return vocabulary{}, fmt.Errorf("model.vocab: %w", err)
	}
	return newVocabulary(ids)
}

// parseMerges reads ["left right", ...] or [["left", "right"], ...] and calls add for each.
func parseMerges(data []byte, add func(i int, left, right []byte) error) error {
	d := strictjson.NewDecoder(data, ErrFormat)
	i := 0
	err := d.Array(func() error {
		left, right, err := parseMerge(d)
		if err == nil {
			err = add(i, left, right)
		}
		i++
		return err
	})
	if err != nil {
		return fmt.Errorf("model.merges: %w", err)
	}
	return nil
}

func parseMerge(d strictjson.Decoder) (left, right []byte, err error) {
	if d.Next() != '[' {
		text, err := d.Bytes()
		if err != nil {
			return nil, nil, err
		}
		left, right, ok := bytes.Cut(text, []byte{' '})
		if !ok || bytes.IndexByte(right, ' ') >= 0 {
			return nil, nil, d.Failf("merge %q is not two tokens", text)
		}
		return left, right, nil
	}
	var pair [2][]byte
	n := 0
	err = d.Array(func() (err error) {
		if n == len(pair) {
			return d.Failf("a merge of more than two tokens")
		}
		pair[n], err = d.Bytes()
		n++
		return err
	})
	if err == nil && n < len(pair) {
		err = d.Failf("a merge of %d tokens", n)
	}
	return pair[0], pair[1], err
}
