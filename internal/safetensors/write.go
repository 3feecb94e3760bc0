package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// Entry describes a tensor to be written.
type Entry struct {
	Name  string
	DType dtype.Type
	Shape []int
	Data  []byte // little-endian; not used by NewWriter
}

// Float32 returns an F32 entry with a copy of x.
func Float32(name string, shape []int, x []float32) Entry {
	return Entry{Name: name, DType: dtype.F32, Shape: shape, Data: dtype.AppendF32(make([]byte, 0, 4*len(x)), x)}
}

// Writer takes the data of a file whose header is written. It is for one
// goroutine.
type Writer struct {
	w    io.Writer
	left int64
}

// NewWriter writes the header of a file with the given tensors, whose data must
// then be written in the same order without gaps. Metadata may be nil.
func NewWriter(w io.Writer, entries []Entry, metadata map[string]string) (*Writer, error) {
	header, size, err := encodeHeader(entries, metadata)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return &Writer{w: w, left: size}, nil
}

// Write appends data, in chunks of any size.
func (w *Writer) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		return 0, fmt.Errorf("%d bytes beyond the last tensor: %w", int64(len(p))-w.left, ErrShape)
	}
	n, err := w.w.Write(p)
	w.left -= int64(n)
	return n, err
}

// Close checks that all data was written. It does not close the io.Writer.
func (w *Writer) Close() error {
	if w.left > 0 {
		return fmt.Errorf("%d bytes of data missing: %w", w.left, ErrShape)
	}
	return nil
}

// Write writes a whole file. The bytes depend on the arguments only; tensors keep
// their order (the reference writer sorts by falling element size, then name).
func Write(w io.Writer, entries []Entry, metadata map[string]string) error {
	sw, err := NewWriter(w, entries, metadata)
	if err != nil {
		return err
	}
	for _, e := range entries {
		n, _ := dtype.Count(e.Shape, e.DType.Size())
		if want := n * e.DType.Size(); want != len(e.Data) {
			return fmt.Errorf("tensor %q: %w: %v of %s needs %d bytes, %d given", e.Name, ErrShape, e.Shape, e.DType, want, len(e.Data))
		}
		if _, err := sw.Write(e.Data); err != nil {
			return err
		}
	}
	return sw.Close()
}

// Create is Write to a file that appears when it is complete.
func Create(path string, entries []Entry, metadata map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		if err := Write(w, entries, metadata); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// encodeHeader returns length and JSON, padded with spaces so that data starts at
// a multiple of 8, and the number of bytes of data.
func encodeHeader(entries []Entry, metadata map[string]string) (header []byte, size int64, err error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	key := func(name string, value any) error {
		if b.Len() > 9 {
			b.WriteByte(',')
		}
		k, err := json.Marshal(name)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
		return err
	}
	if metadata != nil {
		if err := key(metadataKey, metadata); err != nil {
			return nil, 0, err
		}
	}
	seen := map[string]bool{metadataKey: true}
	for _, e := range entries {
		if seen[e.Name] || !utf8.ValidString(e.Name) {
			return nil, 0, fmt.Errorf("tensor name %q is taken or not UTF-8: %w", e.Name, ErrHeader)
		}
		seen[e.Name] = true
		if e.DType.Size() == 0 {
			return nil, 0, fmt.Errorf("tensor %q: %w %q", e.Name, ErrDType, e.DType)
		}
		n, ok := dtype.Count(e.Shape, e.DType.Size())
		length := int64(n) * int64(e.DType.Size())
		if !ok || size+length < size {
			return nil, 0, fmt.Errorf("tensor %q: %w %v", e.Name, ErrShape, e.Shape)
		}
		info := struct {
			DType   dtype.Type `json:"dtype"`
			Shape   []int      `json:"shape"`
			Offsets [2]int64   `json:"data_offsets"`
		}{e.DType, append([]int{}, e.Shape...), [2]int64{size, size + length}}
		if err := key(e.Name, info); err != nil {
			return nil, 0, err
		}
		size += length
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	header = b.Bytes()
	if len(header)-8 > maxHeader {
		return nil, 0, fmt.Errorf("header of %d bytes, limit %d: %w", len(header)-8, maxHeader, ErrHeader)
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header, size, nil
}
