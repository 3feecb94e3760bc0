package gguf

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// Pair is one metadata pair to be written. Value is a Value, or a Go value of a
// type that NewValue takes.
type Pair struct {
	Key   string
	Value any
}

// Entry describes a tensor to be written.
type Entry struct {
	Name  string
	Type  Type
	Shape []int  // row-major, at most 4 dimensions
	Data  []byte // as stored; not used by NewWriter
}

// NewValue returns v as a metadata value. It takes bool, string, float32, float64,
// the integers of fixed size, slices of these, and Value. Everything else is
// ErrKind.
func NewValue(v any) (Value, error) {
	switch v := v.(type) {
	case Value:
		if v.isZero() {
			return v, fmt.Errorf("%w: the zero Value", ErrKind)
		}
		return v, nil
	case string:
		return Value{kind: KindString, raw: appendString(nil, v)}, nil
	case []string:
		raw := []byte{}
		for _, s := range v {
			raw = appendString(raw, s)
		}
		return Value{kind: KindArray, elem: KindString, n: len(v), raw: raw}, nil
	}
	kind, n, ok := kindOf(v)
	if !ok {
		return Value{}, fmt.Errorf("%w: Go type %T", ErrKind, v)
	}
	raw, err := binary.Append([]byte{}, binary.LittleEndian, v)
	if err != nil {
		return Value{}, fmt.Errorf("%w: %w", ErrKind, err)
	}
	if n == single {
		return Value{kind: kind, raw: raw}, nil
	}
	return Value{kind: KindArray, elem: kind, n: n, raw: raw}, nil
}

// single is kindOf's number of elements of what is no slice.
const single = -1

// kindOf returns the kind of a Go value of fixed size, or of the elements of a
// slice and their number; false if there is no such kind.
func kindOf(v any) (kind Kind, n int, ok bool) {
	switch v := v.(type) {
	case bool:
		return KindBool, single, true
	case uint8:
		return KindUint8, single, true
	case int8:
		return KindInt8, single, true
	case uint16:
		return KindUint16, single, true
	case int16:
		return KindInt16, single, true
	case uint32:
		return KindUint32, single, true
	case int32:
		return KindInt32, single, true
	case uint64:
		return KindUint64, single, true
	case int64:
		return KindInt64, single, true
	case float32:
		return KindFloat32, single, true
	case float64:
		return KindFloat64, single, true
	case []bool:
		return KindBool, len(v), true
	case []uint8:
		return KindUint8, len(v), true
	case []int8:
		return KindInt8, len(v), true
	case []uint16:
		return KindUint16, len(v), true
	case []int16:
		return KindInt16, len(v), true
	case []uint32:
		return KindUint32, len(v), true
	case []int32:
		return KindInt32, len(v), true
	case []uint64:
		return KindUint64, len(v), true
	case []int64:
		return KindInt64, len(v), true
	case []float32:
		return KindFloat32, len(v), true
	case []float64:
		return KindFloat64, len(v), true
	}
	return 0, 0, false
}

// Writer takes the data of a file whose header is written. It is for one
// goroutine.
type Writer struct {
	w         io.Writer
	alignment int64
	sizes     []int64 // bytes of the tensors not yet complete
	done      int64   // bytes written of the first of them
}

// NewWriter writes the header of a file (version 3, alignment 32 unless the
// metadata says otherwise) with the given tensors, whose data must then be written
// in the same order without gaps: the Writer adds the padding.
func NewWriter(w io.Writer, entries []Entry, metadata []Pair) (*Writer, error) {
	header, writer, err := encodeHeader(entries, metadata)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	writer.w = w
	return writer, nil
}

// Write appends data, in chunks of any size.
func (w *Writer) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		if len(w.sizes) == 0 {
			return written, fmt.Errorf("%d bytes beyond the last tensor: %w", len(p), ErrShape)
		}
		size := w.sizes[0]
		n, err := w.w.Write(p[:min(int64(len(p)), size-w.done)])
		w.done += int64(n)
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
		if w.done == size {
			if _, err := w.w.Write(make([]byte, align(size, w.alignment)-size)); err != nil {
				return written, err
			}
			w.sizes, w.done = w.sizes[1:], 0
		}
	}
	return written, nil
}

// Close checks that all data was written. It does not close the io.Writer.
func (w *Writer) Close() error {
	if len(w.sizes) > 0 {
		return fmt.Errorf("data of %d tensors missing: %w", len(w.sizes), ErrShape)
	}
	return nil
}

// Write writes a whole file. The bytes depend on the arguments only.
func Write(w io.Writer, entries []Entry, metadata []Pair) error {
	gw, err := NewWriter(w, entries, metadata)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, size, _ := measure(e.Shape, e.Type); size != int64(len(e.Data)) {
			return fmt.Errorf("tensor %q: %w: %v of %v needs %d bytes, %d given", e.Name, ErrShape, e.Shape, e.Type, size, len(e.Data))
		}
		if _, err := gw.Write(e.Data); err != nil {
			return err
		}
	}
	return gw.Close()
}

// Create is Write to a file that appears when it is complete.
func Create(path string, entries []Entry, metadata []Pair) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		if err := Write(w, entries, metadata); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// encodeHeader returns everything before the data and a Writer of what follows.
func encodeHeader(entries []Entry, metadata []Pair) ([]byte, *Writer, error) {
	le := binary.LittleEndian
	b := append(make([]byte, 0, headerRoom(entries, metadata)), magic...)
	b = le.AppendUint32(b, 3)
	b = le.AppendUint64(b, uint64(len(entries)))
	b = le.AppendUint64(b, uint64(len(metadata)))
	if len(entries) > maxTensors || len(metadata) > maxKeys {
		return nil, nil, fmt.Errorf("%w: %d tensors and %d metadata pairs, limits %d and %d", ErrHeader, len(entries), len(metadata), maxTensors, maxKeys)
	}

	values := map[string]Value{}
	for _, p := range metadata {
		v, err := NewValue(p.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("metadata key %q: %w", p.Key, err)
		}
		if _, ok := values[p.Key]; ok || len(p.Key) > maxName {
			return nil, nil, fmt.Errorf("metadata key %q is taken or too long: %w", p.Key, ErrHeader)
		}
		values[p.Key] = v
		b = appendString(b, p.Key)
		b = le.AppendUint32(b, uint32(v.kind))
		if v.kind == KindArray {
			b = le.AppendUint32(b, uint32(v.elem))
			b = le.AppendUint64(b, uint64(v.n))
		}
		if v, err = v.read(); err != nil {
			return nil, nil, fmt.Errorf("metadata key %q: %w", p.Key, err)
		}
		b = append(b, v.raw...)
	}
	alignment, err := alignment(values)
	if err != nil {
		return nil, nil, err
	}

	w := &Writer{alignment: alignment}
	seen := map[string]bool{}
	offset := int64(0)
	for _, e := range entries {
		if seen[e.Name] || len(e.Name) > maxName {
			return nil, nil, fmt.Errorf("tensor name %q is taken or too long: %w", e.Name, ErrHeader)
		}
		seen[e.Name] = true
		if !e.Type.Known() {
			return nil, nil, fmt.Errorf("tensor %q: %w: %v", e.Name, ErrType, e.Type)
		}
		_, size, err := measure(e.Shape, e.Type)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", e.Name, err)
		}
		if len(e.Shape) > maxDims || offset+align(size, alignment) < offset {
			return nil, nil, fmt.Errorf("tensor %q: %w %v", e.Name, ErrShape, e.Shape)
		}
		b = appendString(b, e.Name)
		b = le.AppendUint32(b, uint32(len(e.Shape)))
		for i := range e.Shape {
			b = le.AppendUint64(b, uint64(e.Shape[len(e.Shape)-1-i]))
		}
		b = le.AppendUint32(b, uint32(e.Type))
		b = le.AppendUint64(b, uint64(offset))
		offset += align(size, alignment)
		if size > 0 {
			w.sizes = append(w.sizes, size)
		}
	}
	if len(b) > maxHeader {
		return nil, nil, fmt.Errorf("%w: %d bytes, limit %d", ErrHeader, len(b), maxHeader)
	}
	return append(b, make([]byte, align(int64(len(b)), alignment)-int64(len(b)))...), w, nil
}

// headerRoom is at least what a header takes, so that it grows in one piece.
func headerRoom(entries []Entry, metadata []Pair) int {
	n := 1 << 10
	for _, p := range metadata {
		n += len(p.Key) + 64
		if v, ok := p.Value.(Value); ok {
			n += v.length()
		}
	}
	for _, e := range entries {
		n += len(e.Name) + 8*len(e.Shape) + 64
	}
	return n
}

// appendString appends a string as the format has it.
func appendString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}
