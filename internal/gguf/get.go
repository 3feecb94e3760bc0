package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Metadata by key. The getters fail with ErrNoKey or ErrKind, naming file and key;
// numbers are taken from any kind that holds them. What they return is the
// caller's.

// String returns a string, whose bytes are not checked to be UTF-8.
func (f *File) String(key string) (string, error) { return get(f, key, Value.asString) }

// Bool returns a bool.
func (f *File) Bool(key string) (bool, error) { return get(f, key, Value.asBool) }

// Uint returns an integer that is not negative.
func (f *File) Uint(key string) (uint64, error) { return get(f, key, Value.asUint) }

// Int returns an integer.
func (f *File) Int(key string) (int64, error) { return get(f, key, Value.asInt) }

// Float returns a number; integers beyond 2^53 are rounded.
func (f *File) Float(key string) (float64, error) { return get(f, key, Value.asFloat) }

// Strings returns an array of strings. They share one allocation.
func (f *File) Strings(key string) ([]string, error) { return get(f, key, Value.asStrings) }

// Ints returns an array of integers.
func (f *File) Ints(key string) ([]int64, error) {
	return get(f, key, func(v Value) ([]int64, error) { return list(v, Value.asInt) })
}

// Bools returns an array of bools.
func (f *File) Bools(key string) ([]bool, error) {
	return get(f, key, func(v Value) ([]bool, error) { return list(v, Value.asBool) })
}

// Floats32 returns an array of numbers, rounded to float32.
func (f *File) Floats32(key string) ([]float32, error) {
	return get(f, key, func(v Value) ([]float32, error) {
		return list(v, func(e Value) (float32, error) {
			x, err := e.asFloat()
			return float32(x), err
		})
	})
}

// Any returns a value of any kind as [Value.Any] does.
func (f *File) Any(key string) (any, error) { return get(f, key, Value.Any) }

// Has tells whether there is such a key.
func (f *File) Has(key string) bool {
	_, ok := f.values[key]
	return ok
}

func get[T any](f *File, key string, as func(Value) (T, error)) (T, error) {
	v, ok := f.values[key]
	if !ok {
		var none T
		return none, fmt.Errorf("%s: %w %q", f.name, ErrNoKey, key)
	}
	var x T
	v, err := v.read()
	if err == nil {
		x, err = as(v)
	}
	if err != nil {
		return x, fmt.Errorf("%s: metadata key %q: %w", f.name, key, err)
	}
	return x, nil
}

// unlike is the error of a value that is not what was asked for.
func (v Value) unlike(wanted string) error {
	return fmt.Errorf("%w: %s, not %s", ErrKind, v.describe(), wanted)
}

func (v Value) asString() (string, error) {
	if v.kind != KindString {
		return "", v.unlike("string")
	}
	return string(v.raw[8:]), nil
}

func (v Value) asBool() (bool, error) {
	if v.kind != KindBool {
		return false, v.unlike("bool")
	}
	return v.raw[0] != 0, nil
}

func (v Value) asUint() (uint64, error) {
	if v.kind == KindUint64 {
		return binary.LittleEndian.Uint64(v.raw), nil
	}
	i, err := v.asInt()
	if err == nil && i < 0 {
		err = fmt.Errorf("%w: %d is negative", ErrKind, i)
	}
	return uint64(i), err
}

func (v Value) asInt() (int64, error) {
	switch v.kind {
	case KindUint8:
		return int64(v.raw[0]), nil
	case KindInt8:
		return int64(int8(v.raw[0])), nil
	case KindUint16:
		return int64(binary.LittleEndian.Uint16(v.raw)), nil
	case KindInt16:
		return int64(int16(binary.LittleEndian.Uint16(v.raw))), nil
	case KindUint32:
		return int64(binary.LittleEndian.Uint32(v.raw)), nil
	case KindInt32:
		return int64(int32(binary.LittleEndian.Uint32(v.raw))), nil
	case KindInt64:
		return int64(binary.LittleEndian.Uint64(v.raw)), nil
	case KindUint64:
		u := binary.LittleEndian.Uint64(v.raw)
		if u > math.MaxInt64 {
			return 0, fmt.Errorf("%w: %d is beyond int64", ErrKind, u)
		}
		return int64(u), nil
	}
	return 0, v.unlike("integer")
}

func (v Value) asFloat() (float64, error) {
	switch v.kind {
	case KindFloat32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.raw))), nil
	case KindFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.raw)), nil
	case KindUint64:
		return float64(binary.LittleEndian.Uint64(v.raw)), nil
	}
	i, err := v.asInt()
	if err != nil {
		return 0, v.unlike("number")
	}
	return float64(i), nil
}

func (v Value) asStrings() ([]string, error) {
	if v.kind != KindArray || v.elem != KindString {
		return nil, v.unlike("array of strings")
	}
	all := string(v.raw)
	texts := make([]string, v.n)
	start := 0
	for i := range texts {
		end := start + 8 + int(binary.LittleEndian.Uint64(v.raw[start:]))
		texts[i] = all[start+8 : end]
		start = end
	}
	return texts, nil
}

// list converts the elements of an array.
func list[T any](v Value, as func(Value) (T, error)) ([]T, error) {
	size := v.elem.size()
	if v.kind != KindArray || size == 0 {
		return nil, v.unlike("array of numbers")
	}
	items := make([]T, v.n)
	for i := range items {
		var err error
		if items[i], err = as(Value{kind: v.elem, raw: v.raw[i*size : (i+1)*size]}); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return items, nil
}
