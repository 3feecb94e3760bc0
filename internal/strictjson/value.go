package strictjson

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// Value reads any value: nil, bool, string, json.Number, []any or map[string]any. A whole
// number is returned without fraction and exponent, however it is written: 32.0 is 32.
func (d Decoder) Value() (any, error) {
	v, err := d.scan.value()
	return v, d.fail(err)
}

func (s *scanner) value() (any, error) {
	switch s.next() {
	case '{':
		object := map[string]any{}
		err := s.object(func(key []byte) (err error) {
			object[string(key)], err = s.value()
			return err
		})
		return object, err
	case '[':
		list := []any{}
		err := s.array(func() error {
			v, err := s.value()
			list = append(list, v)
			return err
		})
		return list, err
	case '"':
		text, err := s.string()
		return string(text), err
	}
	text, err := s.literal()
	if err != nil {
		return nil, err
	}
	switch text[0] {
	case 't', 'f':
		return text[0] == 't', nil
	case 'n':
		return nil, nil
	}
	return whole(json.Number(text)), nil
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
