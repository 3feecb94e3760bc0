// Package strictjson reads JSON token by token: no key twice, every value of its
// own type. encoding/json by itself would take the last of two equal keys, null for
// a number, and keys in the wrong case.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// maxIntegers bounds an array: the rank of a tensor.
const maxIntegers = 64

// Decoder reads one JSON text. Its errors name the byte and wrap a sentinel.
type Decoder struct {
	json     *json.Decoder
	sentinel error
}

// NewDecoder returns a decoder of text whose errors wrap sentinel. Text that is not
// UTF-8 is an error too.
func NewDecoder(text []byte, sentinel error) (Decoder, error) {
	if !utf8.Valid(text) {
		return Decoder{}, fmt.Errorf("not UTF-8: %w", sentinel)
	}
	d := Decoder{json.NewDecoder(bytes.NewReader(text)), sentinel}
	d.json.UseNumber()
	return d, nil
}

// Failf returns an error at the current byte.
func (d Decoder) Failf(format string, args ...any) error {
	return fmt.Errorf("byte %d of the JSON: %s: %w", d.json.InputOffset(), fmt.Sprintf(format, args...), d.sentinel)
}

func (d Decoder) next() (json.Token, error) {
	token, err := d.json.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, d.Failf("%v", err)
	}
	return token, nil
}

func (d Decoder) delim(want json.Delim) error {
	token, err := d.next()
	if err == nil && token != want {
		err = d.Failf("%v found, %v expected", token, want)
	}
	return err
}

// Object reads an object; value is called at each value and must read it.
func (d Decoder) Object(value func(key string) error) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	return d.members(value)
}

// members reads an object behind its brace.
func (d Decoder) members(value func(key string) error) error {
	seen := map[string]bool{}
	for d.json.More() {
		key, err := d.String()
		if err != nil {
			return err
		}
		if seen[key] {
			return d.Failf("key %q appears twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return d.delim('}')
}

// String reads a string.
func (d Decoder) String() (string, error) {
	token, err := d.next()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", d.Failf("%v found, string expected", token)
	}
	return s, nil
}

// Integers reads an array of at most maxIntegers numbers in 0 … 2^63-1.
func (d Decoder) Integers() ([]int64, error) {
	if err := d.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for d.json.More() {
		if len(list) == maxIntegers {
			return nil, d.Failf("more than %d integers", maxIntegers)
		}
		token, err := d.next()
		if err != nil {
			return nil, err
		}
		number, _ := token.(json.Number)
		n, err := strconv.ParseUint(string(number), 10, 63)
		if err != nil {
			return nil, d.Failf("%v found, integer in 0 … 2^63-1 expected", token)
		}
		list = append(list, int64(n))
	}
	return list, d.delim(']')
}

// Finish demands that nothing but white space is left.
func (d Decoder) Finish() error {
	if _, err := d.json.Token(); err != io.EOF {
		return d.Failf("text after the closing brace")
	}
	return nil
}

// Ignore steps over a value.
func (d Decoder) Ignore() error {
	var value json.RawMessage
	if err := d.json.Decode(&value); err != nil {
		return d.Failf("%v", err)
	}
	return nil
}
