package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
)

// cursor walks through the header of a file, whose length is known only at its
// end. It holds a window of it, passes by what is long, and checks every length
// against the file before it reads or allocates.
type cursor struct {
	file  io.ReaderAt
	bound io.ReaderAt // file, with the context of opening it
	size  int64       // of the file
	buf   []byte      // the window
	start int         // where it begins in the file
	pos   int         // in the file
}

// window is enough for the header of a small model, but for its vocabulary.
const window = 64 << 10

// next returns the next n bytes, few; they are valid until the call after.
func (c *cursor) next(n uint64) ([]byte, error) {
	from := c.pos
	if err := c.pass(n); err != nil {
		return nil, err
	}
	if from < c.start || c.pos > c.start+len(c.buf) {
		if err := c.fill(from, int(n)); err != nil {
			return nil, err
		}
	}
	at := from - c.start
	return c.buf[at : at+int(n) : at+int(n)], nil
}

// pass goes n bytes on without reading them.
func (c *cursor) pass(n uint64) error {
	if left := uint64(c.size - int64(c.pos)); n > left {
		return fmt.Errorf("byte %d: %w: %d bytes expected, %d left", c.pos, ErrTruncated, n, left)
	}
	if n > uint64(maxHeader-c.pos) {
		return fmt.Errorf("byte %d: %w: longer than %d bytes", c.pos, ErrHeader, maxHeader)
	}
	c.pos += int(n)
	return nil
}

// fill moves the window to a place where at least n bytes are wanted.
func (c *cursor) fill(at, n int) error {
	size := int(min(c.size-int64(at), int64(max(n, window))))
	if cap(c.buf) < size {
		c.buf = make([]byte, size)
	}
	c.buf, c.start = c.buf[:size], at
	return readFull(c.bound, c.buf, int64(at))
}

func (c *cursor) uint32() (uint32, error) {
	b, err := c.next(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (c *cursor) uint64() (uint64, error) {
	b, err := c.next(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// name reads the key of a value or the name of a tensor.
func (c *cursor) name() (string, error) {
	n, err := c.uint64()
	if err != nil {
		return "", err
	}
	if n > maxName {
		return "", fmt.Errorf("byte %d: %w: name of %d bytes, limit %d", c.pos-8, ErrHeader, n, maxName)
	}
	b, err := c.next(n)
	return string(b), err
}

// span is a value by its place in the header.
type span struct {
	kind, elem Kind
	n          int
	start, end int
}

// in returns the value in raw, the bytes from the file's start on.
func (s span) in(raw []byte) Value {
	return Value{kind: s.kind, elem: s.elem, n: s.n, raw: raw[s.start:s.end:s.end]}
}

// keep returns the value just passed. What is long stays in the file.
func (c *cursor) keep(s span) (Value, error) {
	v := Value{kind: s.kind, elem: s.elem, n: s.n}
	size := s.end - s.start
	switch {
	case size > window:
		v.file, v.at, v.size = c.file, int64(s.start), size
		return v, nil
	case s.start >= c.start && s.end <= c.start+len(c.buf):
		v.raw = append([]byte{}, c.buf[s.start-c.start:s.end-c.start]...)
		return v, nil
	}
	v.raw = make([]byte, size)
	return v, readFull(c.bound, v.raw, int64(s.start))
}

// value reads past a value and checks that it is well-formed. Arrays may be nested
// to the given depth.
func (c *cursor) value(kind Kind, nesting int) (span, error) {
	s := span{kind: kind, start: c.pos}
	var err error
	switch {
	case !kind.known():
		err = fmt.Errorf("byte %d: %w: value of unknown %v", c.pos, ErrHeader, kind)
	case kind == KindArray:
		return c.array(nesting)
	default:
		err = c.skip(kind, 1, nesting)
	}
	s.end = c.pos
	return s, err
}

// array reads past an array: u32 kind of its elements, u64 their number, and they.
func (c *cursor) array(nesting int) (span, error) {
	s := span{kind: KindArray}
	if nesting == 0 {
		return s, fmt.Errorf("byte %d: %w: arrays nested more than %d deep", c.pos, ErrHeader, maxNesting)
	}
	elem, err := c.uint32()
	if err != nil {
		return s, err
	}
	n, err := c.uint64()
	if err != nil {
		return s, err
	}
	s.elem = Kind(elem)
	if !s.elem.known() {
		return s, fmt.Errorf("byte %d: %w: array of unknown %v", c.pos-12, ErrHeader, s.elem)
	}
	// No element takes less than a byte, so a count that passes fits an int.
	if left := uint64(c.size - int64(c.pos)); n > left {
		return s, fmt.Errorf("byte %d: %w: array of %d %v, %d bytes left", c.pos-12, ErrTruncated, n, s.elem, left)
	}
	s.n, s.start = int(n), c.pos
	err = c.skip(s.elem, s.n, nesting-1)
	s.end = c.pos
	return s, err
}

// skip reads past n values of one known kind.
func (c *cursor) skip(kind Kind, n, nesting int) error {
	switch kind {
	case KindString:
		for range n {
			length, err := c.uint64()
			if err != nil {
				return err
			}
			if err := c.pass(length); err != nil {
				return err
			}
		}
	case KindArray:
		for range n {
			if _, err := c.array(nesting); err != nil {
				return err
			}
		}
	case KindBool:
		for at := 0; at < n; at += window {
			start := c.pos
			b, err := c.next(uint64(min(window, n-at)))
			if err != nil {
				return err
			}
			for i, v := range b {
				if v > 1 {
					return fmt.Errorf("byte %d: %w: bool of value %d", start+i, ErrHeader, v)
				}
			}
		}
	default:
		return c.pass(uint64(n) * uint64(kind.size()))
	}
	return nil
}

// readFull is ReadAt for bytes that must be there.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF || err == nil {
		err = ErrTruncated
	}
	return fmt.Errorf("byte %d: %w", off+int64(n), err)
}
