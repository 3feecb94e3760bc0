package strictjson

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// maxDepth bounds how deep objects and arrays lie in each other.
const maxDepth = 64

// Value reads any value: nil, bool, string, json.Number, []any or map[string]any. A whole
// number is returned without fraction and exponent, however it is written: 32.0 is 32.
func (d Decoder) Value() (any, error) { return d.value(maxDepth) }

func (d Decoder) value(depth int) (any, error) {
	token, err := d.next()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		return whole(t), nil
	case json.Delim:
		if depth == 0 {
			return nil, d.Failf("more than %d objects and arrays in each other", maxDepth)
		}
		if t == '[' {
			return d.list(depth - 1)
		}
		return d.object(depth - 1)
	}
	return token, nil
}

// list reads an array behind its bracket.
func (d Decoder) list(depth int) ([]any, error) {
	list := []any{}
	for d.json.More() {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, d.delim(']')
}

// object reads an object behind its brace.
func (d Decoder) object(depth int) (map[string]any, error) {
	object := map[string]any{}
	err := d.members(func(key string) (err error) {
		object[key], err = d.value(depth)
		return err
	})
	return object, err
}

// whole writes a number without fraction and exponent if it is a whole one of at most 64 bits.
func whole(n json.Number) json.Number {
	if !strings.ContainsAny(string(n), ".eE") || len(n) > 64 {
		return n
	}
	if f, _, err := big.ParseFloat(string(n), 10, 256, big.ToNearestEven); err == nil && f.IsInt() {
		if i, accuracy := f.Int64(); accuracy == big.Exact {
			return json.Number(fmt.Sprint(i))
		}
	}
	return n
}

// FromPython returns text with the numbers that Python's json writes, but JSON does not
// have, as strings: "NaN", "Infinity" and "-Infinity".
func FromPython(text []byte) []byte {
	var out []byte
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\' && i+1 < len(text):
			out = append(out, c)
			i++
			c = text[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == 'N' || c == 'I' || c == '-'):
			if word := pythonNumber(text[i:]); word != "" {
				out = append(append(append(out, '"'), word...), '"')
				i += len(word) - 1
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// pythonNumber returns the one that text begins with, "" if there is none.
func pythonNumber(text []byte) string {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if len(text) >= len(word) && string(text[:len(word)]) == word {
			return word
		}
	}
	return ""
}
