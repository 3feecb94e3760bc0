package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/helix-substrate/helix-substrate/memory"
)

// Kind is what a metadata value is. The values are those in files.
type Kind uint32

// The kinds of metadata.
const (
	KindUint8   Kind = 0
	KindInt8    Kind = 1
	KindUint16  Kind = 2
	KindInt16   Kind = 3
	KindUint32  Kind = 4
	KindInt32   Kind = 5
	KindFloat32 Kind = 6
	KindBool    Kind = 7
	KindString  Kind = 8
	KindArray   Kind = 9
	KindUint64  Kind = 10
	KindInt64   Kind = 11
	KindFloat64 Kind = 12
)

var kinds = [...]struct {
	name string
	size int // bytes of a value, 0 if they vary
}{
	KindUint8: {"uint8", 1}, KindInt8: {"int8", 1}, KindUint16: {"uint16", 2}, KindInt16: {"int16", 2},
	KindUint32: {"uint32", 4}, KindInt32: {"int32", 4}, KindFloat32: {"float32", 4}, KindBool: {"bool", 1},
	KindString: {"string", 0}, KindArray: {"array", 0}, KindUint64: {"uint64", 8}, KindInt64: {"int64", 8}, KindFloat64: {"float64", 8},
}

// String returns a name such as "uint32".
func (k Kind) String() string {
	if k.known() {
		return kinds[k].name
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

func (k Kind) known() bool { return uint64(k) < uint64(len(kinds)) }

// size returns the bytes of a value of a known kind, 0 if they vary.
func (k Kind) size() int { return kinds[k].size }

// Value is one metadata value, kept as the bytes of the file. It is immutable. What is
// long, such as a vocabulary, is left in the file, which must then be open when the
// value is asked for.
type Value struct {
	kind, elem Kind
	n          int    // elements of an array
	raw        []byte // well-formed; of an array, its elements

	file io.ReaderAt // nil if raw is all of it
	at   int64       // where the bytes lie there
	size int
}

// isZero tells the zero Value from all others.
func (v Value) isZero() bool { return v.raw == nil && v.file == nil }

// length returns how many bytes the value has.
func (v Value) length() int { return len(v.raw) + v.size }

// read returns the value with all its bytes.
func (v Value) read() (Value, error) {
	if v.file == nil {
		return v, nil
	}
	if err := memory.FitsFile("a value of the metadata", int64(v.size)); err != nil {
		return v, err
	}
	raw := make([]byte, v.size)
	err := readFull(v.file, raw, v.at)
	return Value{kind: v.kind, elem: v.elem, n: v.n, raw: raw}, err
}

// describe names a value's kind for errors.
func (v Value) describe() string {
	if v.kind == KindArray {
		return fmt.Sprintf("array of %d %v", v.n, v.elem)
	}
	return v.kind.String()
}

// Any returns the value as a Go value: uint8 … int64, float32, float64, bool,
// string, or []any of these; nil for the zero Value. The error is that of reading a long
// one from its file.
func (v Value) Any() (any, error) {
	v, err := v.read()
	if err != nil || v.isZero() {
		return nil, err
	}
	return v.decode(), nil
}

// decode is Any of a value that has all its bytes.
func (v Value) decode() any {
	switch v.kind {
	case KindArray:
		list := make([]any, 0, v.n)
		for e := range v.elements() {
			list = append(list, e.decode())
		}
		return list
	case KindString:
		return string(v.raw[8:])
	case KindBool:
		return v.raw[0] != 0
	case KindUint8:
		return v.raw[0]
	case KindInt8:
		return int8(v.raw[0])
	case KindUint16:
		return binary.LittleEndian.Uint16(v.raw)
	case KindInt16:
		return int16(binary.LittleEndian.Uint16(v.raw))
	case KindUint32:
		return binary.LittleEndian.Uint32(v.raw)
	case KindInt32:
		return int32(binary.LittleEndian.Uint32(v.raw))
	case KindUint64:
		return binary.LittleEndian.Uint64(v.raw)
	case KindInt64:
		return int64(binary.LittleEndian.Uint64(v.raw))
	case KindFloat32:
		return math.Float32frombits(binary.LittleEndian.Uint32(v.raw))
	case KindFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.raw))
	}
	panic("gguf: value of " + v.kind.String()) // none is made
}

// elements yields the elements of an array.
func (v Value) elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		c := cursor{buf: v.raw, size: int64(len(v.raw))}
		for range v.n {
			s, err := c.value(v.elem, maxNesting)
			if err != nil || !yield(s.in(v.raw)) {
				return // it was well-formed when it was read, so err is nil
			}
		}
	}
}
