package gguf

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/storage"
)

// part is one file of a model.
type part struct {
	name      string
	version   uint32
	alignment int64
	keys      []string // in the order of the file
	values    map[string]Value
	tensors   []*Tensor // in the order of the file
}

// readPart reads the header of a file and checks it against the file's size.
func readPart(ctx context.Context, file io.ReaderAt, size int64, name string) (*part, error) {
	p := &part{name: name, values: map[string]Value{}}
	if err := p.read(ctx, file, size); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (p *part) read(ctx context.Context, file io.ReaderAt, size int64) error {
	c := &cursor{file: file, bound: storage.WithContext(ctx, file), size: size}
	tensors, pairs, err := p.readStart(c)
	if err != nil {
		return err
	}
	if err := p.readMetadata(c, pairs); err != nil {
		return err
	}
	if p.alignment, err = alignment(p.values); err != nil {
		return err
	}
	if err := p.readTensors(c, tensors); err != nil {
		return err
	}
	return p.place(file, size, align(int64(c.pos), p.alignment))
}

// readStart reads what comes before the metadata and returns the numbers of
// tensors and of metadata pairs.
func (p *part) readStart(c *cursor) (tensors, pairs uint64, err error) {
	b, err := c.next(4)
	if err != nil {
		return 0, 0, err
	}
	if string(b) != magic {
		return 0, 0, fmt.Errorf("byte 0: %w: it begins with %q", ErrFormat, b)
	}
	b, err = c.next(4)
	if err != nil {
		return 0, 0, err
	}
	switch p.version = binary.LittleEndian.Uint32(b); {
	case p.version == 2 || p.version == 3:
	case binary.BigEndian.Uint32(b) < 1<<16:
		return 0, 0, fmt.Errorf("byte 4: %w: version %d in big-endian byte order", ErrVersion, binary.BigEndian.Uint32(b))
	default:
		return 0, 0, fmt.Errorf("byte 4: %w %d: versions 2 and 3 are read", ErrVersion, p.version)
	}
	if tensors, err = c.uint64(); err != nil {
		return 0, 0, err
	}
	if pairs, err = c.uint64(); err != nil {
		return 0, 0, err
	}
	if tensors > maxTensors || pairs > maxKeys {
		return 0, 0, fmt.Errorf("byte 8: %w: %d tensors and %d metadata pairs, limits %d and %d", ErrHeader, tensors, pairs, maxTensors, maxKeys)
	}
	return tensors, pairs, nil
}

func (p *part) readMetadata(c *cursor, pairs uint64) error {
	for range pairs {
		start := c.pos
		key, err := c.name()
		if err != nil {
			return fmt.Errorf("metadata pair %d: %w", len(p.keys), err)
		}
		if _, ok := p.values[key]; ok {
			return fmt.Errorf("byte %d: %w: metadata key %q appears twice", start, ErrHeader, key)
		}
		kind, err := c.uint32()
		if err != nil {
			return fmt.Errorf("metadata key %q: %w", key, err)
		}
		s, err := c.value(Kind(kind), maxNesting)
		if err == nil {
			p.values[key], err = c.keep(s)
		}
		if err != nil {
			return fmt.Errorf("metadata key %q: %w", key, err)
		}
		p.keys = append(p.keys, key)
	}
	return nil
}

func (p *part) readTensors(c *cursor, n uint64) error {
	seen := map[string]bool{}
	for i := range n {
		start := c.pos
		name, err := c.name()
		if err != nil {
			return fmt.Errorf("tensor %d: %w", i, err)
		}
		if seen[name] {
			return fmt.Errorf("byte %d: %w: tensor %q appears twice", start, ErrHeader, name)
		}
		seen[name] = true
		t, err := readTensor(c)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		t.Name, t.File = name, p.name
		p.tensors = append(p.tensors, t)
	}
	return nil
}

// readTensor reads what follows the name. The offset it sets counts from the
// start of the data.
func readTensor(c *cursor) (*Tensor, error) {
	start := c.pos
	dims, err := c.uint32()
	if err != nil {
		return nil, err
	}
	if dims > maxDims {
		return nil, fmt.Errorf("byte %d: %w: %d dimensions, limit %d", start, ErrShape, dims, maxDims)
	}
	t := &Tensor{Shape: make([]int, dims)}
	for i := range t.Shape {
		d, err := c.uint64()
		if err != nil {
			return nil, err
		}
		if d > math.MaxInt {
			return nil, fmt.Errorf("byte %d: %w: dimension of %d", c.pos-8, ErrShape, d)
		}
		t.Shape[len(t.Shape)-1-i] = int(d)
	}
	typ, err := c.uint32()
	if err != nil {
		return nil, err
	}
	t.Type = Type(typ)
	if !t.Type.Known() {
		return nil, fmt.Errorf("byte %d: %w: %v", c.pos-4, ErrType, t.Type)
	}
	if t.n, t.size, err = measure(t.Shape, t.Type); err != nil {
		return nil, fmt.Errorf("byte %d: %w", start, err)
	}
	offset, err := c.uint64()
	if err != nil {
		return nil, err
	}
	if offset > math.MaxInt64 {
		return nil, fmt.Errorf("byte %d: %w: %d", c.pos-8, ErrOffset, offset)
	}
	t.offset = int64(offset)
	return t, nil
}

// measure returns the elements and bytes of a tensor whose type is known.
func measure(shape []int, t Type) (n int, size int64, err error) {
	block, bytes := t.Block()
	n, ok := dtype.Count(shape, 8) // no element takes more
	if !ok {
		return 0, 0, fmt.Errorf("%w: %v is too large", ErrShape, shape)
	}
	if row := rowLen(shape); row%block != 0 {
		return 0, 0, fmt.Errorf("%w: rows of %d elements are no whole blocks of %v, %d each", ErrShape, row, t, block)
	}
	return n, int64(n/block) * int64(bytes), nil
}

// rowLen is the last dimension, 1 for a scalar.
func rowLen(shape []int) int {
	if len(shape) == 0 {
		return 1
	}
	return shape[len(shape)-1]
}

// place turns the offsets into ones from the start of the file, after checking
// that the data is there and no byte of it belongs to two tensors.
func (p *part) place(file io.ReaderAt, size, data int64) error {
	order := slices.Clone(p.tensors)
	slices.SortStableFunc(order, func(a, b *Tensor) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.size, b.size))
	})
	end := int64(0)
	for i, t := range order {
		if t.offset%p.alignment != 0 {
			return fmt.Errorf("tensor %q: %w: %d is no multiple of %d", t.Name, ErrOffset, t.offset, p.alignment)
		}
		if t.offset < end {
			return fmt.Errorf("tensor %q: %w: it overlaps %q", t.Name, ErrOffset, order[i-1].Name)
		}
		if room := size - data; t.offset > room || t.size > room-t.offset {
			return fmt.Errorf("tensor %q: %w: %d bytes at %d + %d, the file has %d", t.Name, ErrTruncated, t.size, data, t.offset, size)
		}
		end = t.offset + t.size
	}
	for _, t := range order {
		t.offset += data
		t.attach(file)
	}
	return nil
}

// alignment returns general.alignment or the default.
func alignment(values map[string]Value) (int64, error) {
	v, ok := values[alignmentKey]
	if !ok {
		return defaultAlignment, nil
	}
	a, err := v.asUint()
	if err != nil {
		return 0, fmt.Errorf("metadata key %q: %w", alignmentKey, err)
	}
	if a == 0 || a&(a-1) != 0 || a > 1<<30 {
		return 0, fmt.Errorf("metadata key %q: %w: %d is no power of two up to 2^30", alignmentKey, ErrHeader, a)
	}
	return int64(a), nil
}

// align rounds up to a multiple of a power of two.
func align(n, alignment int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }
