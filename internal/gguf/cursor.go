package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
)

// cursor walks through the header of a file, whose length is known only at its
// end: it reads as far as it must, in steps that double, and checks every length
// against the file before it reads or allocates.
type cursor struct {
	file io.ReaderAt
	size int64  // of the file
	buf  []byte // its beginning, as far as read
	pos  int    // in buf
}

// firstRead is enough for the header of a small model.
const firstRead = 64 << 10

// next returns the next n bytes.
func (c *cursor) next(n uint64) ([]byte, error) {
	if left := uint64(c.size - int64(c.pos)); n > left {
		return nil, fmt.Errorf("byte %d: %w: %d bytes expected, %d left", c.pos, ErrTruncated, n, left)
	}
	if n > uint64(maxHeader-c.pos) {
		return nil, fmt.Errorf("byte %d: %w: longer than %d bytes", c.pos, ErrHeader, maxHeader)
	}
	end := c.pos + int(n)
	if end > len(c.buf) {
		if err := c.fill(end); err != nil {
			return nil, err
		}
	}
	b := c.buf[c.pos:end:end]
	c.pos = end
	return b, nil
}

// fill reads on, at least to byte end.
func (c *cursor) fill(end int) error {
	grown := make([]byte, min(c.size, int64(max(end, 2*len(c.buf), firstRead))))
	n := copy(grown, c.buf)
	if err := readFull(c.file, grown[n:], int64(n)); err != nil {
		return err
	}
	c.buf = grown
	return nil
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

// in returns the value once the bytes are there.
func (s span) in(header []byte) Value {
	return Value{kind: s.kind, elem: s.elem, n: s.n, raw: header[s.start:s.end:s.end]}
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
			if _, err := c.next(length); err != nil {
				return err
			}
		}
	case KindArray:
		for range n {
			if _, err := c.array(nesting); err != nil {
				return err
			}
		}
	default:
		b, err := c.next(uint64(n) * uint64(kind.size()))
		if err != nil {
			return err
		}
		if kind != KindBool {
			break
		}
		for i, v := range b {
			if v > 1 {
				return fmt.Errorf("byte %d: %w: bool of value %d", c.pos-n+i, ErrHeader, v)
			}
		}
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
