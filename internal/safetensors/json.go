package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// maxDims bounds the rank of a tensor.
const maxDims = 64

// decoder reads JSON strictly, token by token: no key twice, every value of its
// own type. encoding/json by itself would take the last of two equal keys, null
// for a number, and keys in the wrong case. Errors name the byte and wrap sentinel.
type decoder struct {
	*json.Decoder
	sentinel error
}

func newDecoder(text []byte, sentinel error) decoder {
	d := decoder{json.NewDecoder(bytes.NewReader(text)), sentinel}
	d.UseNumber()
	return d
}

func (d decoder) failf(format string, args ...any) error {
	return fmt.Errorf("byte %d of the JSON: %s: %w", d.InputOffset(), fmt.Sprintf(format, args...), d.sentinel)
}

func (d decoder) next() (json.Token, error) {
	token, err := d.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, d.failf("%v", err)
	}
	return token, nil
}

func (d decoder) delim(want json.Delim) error {
	token, err := d.next()
	if err == nil && token != want {
		err = d.failf("%v found, %v expected", token, want)
	}
	return err
}

// object reads an object; value is called at each value and must read it.
func (d decoder) object(value func(key string) error) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.string()
		if err != nil {
			return err
		}
		if seen[key] {
			return d.failf("key %q appears twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return d.delim('}')
}

func (d decoder) string() (string, error) {
	token, err := d.next()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", d.failf("%v found, string expected", token)
	}
	return s, nil
}

// integers reads an array of at most maxDims numbers in 0 … 2^63-1.
func (d decoder) integers() ([]int64, error) {
	if err := d.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for d.More() {
		if len(list) == maxDims {
			return nil, d.failf("more than %d integers", maxDims)
		}
		token, err := d.next()
		if err != nil {
			return nil, err
		}
		number, _ := token.(json.Number)
		n, err := strconv.ParseUint(string(number), 10, 63)
		if err != nil {
			return nil, d.failf("%v found, integer in 0 … 2^63-1 expected", token)
		}
		list = append(list, int64(n))
	}
	return list, d.delim(']')
}

func (d decoder) finish() error {
	if _, err := d.Token(); err != io.EOF {
		return d.failf("text after the closing brace")
	}
	return nil
}

// ignore steps over a value.
func (d decoder) ignore() error {
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return d.failf("%v", err)
	}
	return nil
}
