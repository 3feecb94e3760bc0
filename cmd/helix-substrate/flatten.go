package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/helix-substrate/helix-substrate/receipt"
)

// leaf is a value in a JSON document, by its path: "turns.0.stop". Both are ASCII
// without control characters; a value is JSON text, strings in quotes.
type leaf struct{ path, value string }

// maxFlat bounds what a document may come to as leaves, in bytes: nested ones with long
// keys grow with the square of their size.
const maxFlat = 64 << 20

// flatten lists the leaves of a document that was read strictly, keys in order. Lists of more than long plain values
// are one leaf, which says how many there are; 0 lists all.
func flatten(document json.RawMessage, long int) ([]leaf, error) {
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
	leaves []leaf
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
		return fmt.Errorf("its values and their paths take more than %s: %w", size(maxFlat), receipt.ErrLimit)
	}
	f.leaves = append(f.leaves, leaf{path, value})
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

// printable returns s, or where it has characters that a terminal would not just show,
// s in quotes without them.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	return strconv.Quote(s)
}
