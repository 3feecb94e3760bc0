package receipt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Leaf is a value in a JSON document, by its path: "turns.0.stop". Both are ASCII
// without control characters; a value is JSON text, strings in quotes.
type Leaf struct{ Path, Value string }

// Plain returns the value of a JSON string without its quotes where it has no escapes, any
// other as it is.
func Plain(value string) string {
	if s, ok := strings.CutPrefix(value, `"`); ok && !strings.Contains(s, `\`) {
		return strings.TrimSuffix(s, `"`)
	}
	return value
}

// maxFlat bounds what a document may come to as leaves, in bytes: nested ones with long
// keys grow with the square of their size.
const maxFlat = 64 << 20

// Flatten lists the leaves of a receipt's claims, as [ReadExecution] has them, keys in order.
// Lists of more than long plain values are one leaf, which says how many there are; 0 lists
// all. ErrLimit is that the leaves take more than 64 MiB.
func Flatten(document json.RawMessage, long int) ([]Leaf, error) {
	if len(document) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	f := flattener{long: long}
	err := f.add("", v)
	return f.leaves, err
}

type flattener struct {
	leaves []Leaf
	long   int
	bytes  int
}

func (f *flattener) add(path string, v any) error {
	value := ""
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := f.add(under(path, plainKey(key)), v[key]); err != nil {
				return err
			}
		}
		if len(v) > 0 {
			return nil
		}
		value = "{}"
	case []any:
		if f.long > 0 && len(v) > f.long && !slices.ContainsFunc(v, nested) {
			value = fmt.Sprintf("%d values", len(v))
			break
		}
		for i, inner := range v {
			if err := f.add(under(path, strconv.Itoa(i)), inner); err != nil {
				return err
			}
		}
		if len(v) > 0 {
			return nil
		}
		value = "[]"
	case string:
		value = strconv.QuoteToASCII(v)
	case nil:
		value = "null"
	default:
		value = fmt.Sprint(v)
	}
	if f.bytes += len(path) + len(value); f.bytes > maxFlat {
		return fmt.Errorf("its values and their paths take more than 64MiB: %w", ErrLimit)
	}
	f.leaves = append(f.leaves, Leaf{path, value})
	return nil
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func nested(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// plainKey quotes a key that could be taken for a path, a place in a list, or no key.
func plainKey(key string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-')
	}
	if key != "" && !unicode.IsDigit(rune(key[0])) && strings.IndexFunc(key, func(r rune) bool { return !plain(r) }) < 0 {
		return key
	}
	return strconv.QuoteToASCII(key)
}

// Difference is a claim that two receipts do not share, its values as in a [Leaf]; the
// value of one that lacks it is "absent", without quotes.
type Difference struct{ Path, A, B string }

// Differences compares what two receipts claim: in the order of a's claims, then those that
// only b has. Errors are those of [Flatten].
func Differences(a, b json.RawMessage) ([]Difference, error) {
	var leaves [2][]Leaf
	var values [2]map[string]string
	for i, claims := range []json.RawMessage{a, b} {
		var err error
		if leaves[i], err = Flatten(claims, 0); err != nil {
			return nil, err
		}
		values[i] = map[string]string{}
		for _, l := range leaves[i] {
			values[i][l.Path] = l.Value
		}
	}
	var list []Difference
	for _, l := range leaves[0] {
		if other := cmp.Or(values[1][l.Path], "absent"); other != l.Value {
			list = append(list, Difference{l.Path, l.Value, other})
		}
	}
	for _, l := range leaves[1] {
		if _, ok := values[0][l.Path]; !ok {
			list = append(list, Difference{l.Path, "absent", l.Value})
		}
	}
	return list, nil
}
