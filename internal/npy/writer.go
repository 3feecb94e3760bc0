package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

// Writer writes a float32 array in chunks, row-major. It is for one goroutine.
type Writer struct {
	w      io.Writer
	shape  []int
	left   int
	buffer []byte
}

// NewWriter writes the header of an array of the given shape to w.
func NewWriter(w io.Writer, shape []int) (*Writer, error) {
	n, ok := dtype.Count(shape, 4)
	if !ok || len(shape) > maxDims {
		return nil, fmt.Errorf("%w %v", ErrShape, shape)
	}
	if _, err := w.Write(appendHeader(nil, "<f4", shape)); err != nil {
		return nil, err
	}
	return &Writer{w: w, shape: append([]int{}, shape...), left: n, buffer: make([]byte, 0, 64<<10)}, nil
}

// Write appends elements.
func (w *Writer) Write(data []float32) error {
	if len(data) > w.left {
		return fmt.Errorf("%d elements beyond shape %v: %w", len(data)-w.left, w.shape, ErrShape)
	}
	for len(data) > 0 {
		n := min(len(data), cap(w.buffer)/4)
		if _, err := w.w.Write(dtype.AppendF32(w.buffer[:0], data[:n])); err != nil {
			return err
		}
		data, w.left = data[n:], w.left-n
	}
	return nil
}

// Close checks that all elements were written. It does not close the io.Writer.
func (w *Writer) Close() error {
	if w.left > 0 {
		return fmt.Errorf("%d elements missing of shape %v: %w", w.left, w.shape, ErrShape)
	}
	return nil
}

// Write writes a whole array to w.
func Write(w io.Writer, shape []int, data []float32) error {
	nw, err := NewWriter(w, shape)
	if err != nil {
		return err
	}
	if err := nw.Write(data); err != nil {
		return err
	}
	return nw.Close()
}

// Create writes a whole array to a file, which appears when it is complete.
func Create(path string, shape []int, data []float32) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		if err := Write(w, shape, data); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// WriteHeader writes the header of an array whose elements, of NumPy type descr
// such as "<i8", the caller writes next, row-major, as they are.
func WriteHeader(w io.Writer, descr string, shape []int) error {
	if _, ok := dtype.Count(shape, 8); !ok || len(shape) > maxDims {
		return fmt.Errorf("%w %v", ErrShape, shape)
	}
	_, err := w.Write(appendHeader(nil, descr, shape))
	return err
}

// appendHeader writes version 1.0 as NumPy does: data starts at a multiple of 64.
func appendHeader(dst []byte, descr string, shape []int) []byte {
	var dims strings.Builder
	for i, d := range shape {
		if i > 0 {
			dims.WriteByte(' ')
		}
		fmt.Fprintf(&dims, "%d,", d)
	}
	tuple := dims.String()
	if len(shape) > 1 {
		tuple = tuple[:len(tuple)-1]
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	// NumPy leaves room for the first dimension to grow to 21 digits in place.
	if len(shape) > 0 {
		text += strings.Repeat(" ", 21-len(fmt.Sprint(shape[0])))
	}
	const fixed = len(magic) + 4
	pad := 64 - (fixed+len(text)+1)%64 // never 0, as NumPy has it
	length := len(text) + pad + 1
	dst = append(dst, magic...)
	dst = append(dst, 1, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(length))
	dst = append(dst, text...)
	dst = append(dst, strings.Repeat(" ", pad)...)
	return append(dst, '\n')
}
