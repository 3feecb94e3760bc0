// Package strictjson is the one reader of JSON that comes from outside and decides
// something. What two readers could take for two things is refused: a key twice, text that
// is not UTF-8, NaN, numbers beyond float64, a value of another type, something after the
// end; and, where the keys are known ([Unmarshal]), keys in the wrong case, which
// encoding/json takes for the right ones. Depth is bounded, so that no text exhausts the
// stack.
//
// A [Decoder] reads value by value and allocates little; Unmarshal fills Go values; Value
// reads what has no schema.
package strictjson

import (
	"fmt"
	"strconv"
)

// maxIntegers bounds an array: the rank of a tensor.
const maxIntegers = 64

// Decoder reads one JSON text. Its errors name the byte and wrap a sentinel, and one of
// this package's. After an error it must not be used.
type Decoder struct {
	scan     *scanner
	sentinel error
}

// NewDecoder returns a decoder of text, which must not change meanwhile, whose errors wrap
// sentinel.
func NewDecoder(text []byte, sentinel error) Decoder {
	return Decoder{&scanner{text: text}, sentinel}
}

// NewPythonDecoder returns a decoder of what Python's json may have written: a lone
// surrogate in a string is kept, as the three bytes that UTF-8 would have for it. Errors
// wrap this package's alone.
func NewPythonDecoder(text []byte) Decoder {
	return Decoder{&scanner{text: text, python: true}, nil}
}

// Failf returns an error at the current byte.
func (d Decoder) Failf(format string, args ...any) error {
	return d.fail(fmt.Errorf(format, args...))
}

// located is an error that names its place.
type located struct{ error }

func (e located) Unwrap() error { return e.error }

// fail names the byte where an error of the scanner came up, once.
func (d Decoder) fail(err error) error {
	switch _, done := err.(located); {
	case err == nil || done:
		return err
	case d.sentinel == nil:
		return located{fmt.Errorf("byte %d: %w", d.scan.at, err)}
	}
	return located{fmt.Errorf("byte %d of the JSON: %w: %w", d.scan.at, err, d.sentinel)}
}

// Next returns the first byte of the next value, 0 at the end.
func (d Decoder) Next() byte { return d.scan.next() }

// Object reads an object; value is called at each value and must read it. It may return
// errors of its own.
func (d Decoder) Object(value func(key string) error) error {
	return d.own(func(wrap func(error) error) error {
		return d.scan.object(func(key []byte) error { return wrap(value(string(key))) })
	})
}

// Members is Object for one whose keys may repeat, since the caller compares them. key is
// valid until value returns.
func (d Decoder) Members(value func(key []byte) error) error {
	return d.own(func(wrap func(error) error) error {
		return d.scan.members(func(key []byte) error { return wrap(value(key)) })
	})
}

// Array reads an array; value is called at each element and must read it. It may return
// errors of its own.
func (d Decoder) Array(value func() error) error {
	return d.own(func(wrap func(error) error) error {
		return d.scan.array(func() error { return wrap(value()) })
	})
}

// foreign is an error of the caller, which stays as it is.
type foreign struct{ error }

// own names the place of the scanner's errors, and returns the caller's as they are.
func (d Decoder) own(read func(wrap func(error) error) error) error {
	err := read(func(err error) error {
		if err == nil {
			return nil
		}
		return foreign{err}
	})
	if f, ok := err.(foreign); ok {
		return f.error
	}
	return d.fail(err)
}

// String reads a string.
func (d Decoder) String() (string, error) {
	s, err := d.scan.string()
	return string(s), d.fail(err)
}

// Bytes reads a string. It may be part of the text.
func (d Decoder) Bytes() ([]byte, error) {
	s, err := d.scan.string()
	return s, d.fail(err)
}

// Literal reads a number, true, false or null and returns its text.
func (d Decoder) Literal() (string, error) {
	text, err := d.scan.literal()
	return string(text), d.fail(err)
}

// Integer reads a number in 0 … 2^63-1, written without fraction and exponent.
func (d Decoder) Integer() (int64, error) {
	text, err := d.scan.literal()
	if err != nil {
		return 0, d.fail(err)
	}
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil {
		return 0, d.Failf("%.40s found, integer in 0 … 2^63-1 expected: %w", text, ErrType)
	}
	return int64(n), nil
}

// Integers reads an array of at most maxIntegers such numbers.
func (d Decoder) Integers() ([]int64, error) {
	list := []int64{}
	err := d.Array(func() error {
		if len(list) == maxIntegers {
			return d.Failf("more than %d integers: %w", maxIntegers, ErrLimit)
		}
		n, err := d.Integer()
		list = append(list, n)
		return err
	})
	return list, err
}

// Raw steps over a value and returns its text. Objects in it may have keys twice: whoever
// reads it will see.
func (d Decoder) Raw() ([]byte, error) {
	d.scan.next()
	start := d.scan.at
	err := d.scan.skip(false)
	return d.scan.text[start:d.scan.at], d.fail(err)
}

// Ignore steps over a value, which decides nothing.
func (d Decoder) Ignore() error { return d.fail(d.scan.skip(false)) }

// Finish demands that nothing but white space is left.
func (d Decoder) Finish() error { return d.fail(d.scan.end()) }
