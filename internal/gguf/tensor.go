package gguf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// Tensor is one tensor of an open file. Its fields must not be changed; its
// methods are safe for concurrent use.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int  // row-major, as NumPy sees it: GGUF's dimensions reversed; empty for a scalar
	File  string // path of the file that holds it

	n      int         // elements
	size   int64       // bytes
	offset int64       // in the file
	data   dtype.Array // its elements, or its bytes if they come in blocks
}

// attach binds a tensor, of known type and place, to its file.
func (t *Tensor) attach(file io.ReaderAt) {
	t.data = dtype.Array{File: file, Offset: t.offset, Len: t.n, Type: t.Type.layout().plain}
	if t.data.Type == "" {
		t.data.Len, t.data.Type = int(t.size), dtype.U8
	}
}

// Len returns the number of elements.
func (t *Tensor) Len() int { return t.n }

// Size returns the number of bytes as stored.
func (t *Tensor) Size() int64 { return t.size }

// Offset returns the byte offset of element 0 in the file.
func (t *Tensor) Offset() int64 { return t.offset }

// ReadFloat32 fills dst with elements [off, off+len(dst)), row-major, dequantized
// to float32. It holds at most 256 KiB beside dst and allocates nothing in the
// long run. Windows of whole blocks (see Type.Block) do no work twice.
func (t *Tensor) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	if t.Type.layout().plain != "" {
		return t.wrap(t.data.ReadFloat32(ctx, dst, off))
	}
	return t.wrap(t.readBlocks(ctx, dst, off))
}

// ReadRaw fills dst with bytes [off, off+len(dst)) of the tensor as stored.
func (t *Tensor) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	return t.wrap(t.data.ReadRaw(ctx, dst, off))
}

func (t *Tensor) wrap(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return fmt.Errorf("%s: tensor %q: %w", t.File, t.Name, err)
}

// scratch holds blocks between the file and the caller's slice.
type scratch struct {
	raw    [248 << 10]byte // a run of them as stored
	values [maxBlock]float32
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// readBlocks is ReadFloat32 for a type that comes in blocks.
func (t *Tensor) readBlocks(ctx context.Context, dst []float32, off int) error {
	if off < 0 || off > t.n || len(dst) > t.n-off {
		return fmt.Errorf("elements [%d, %d) of %d: %w", off, off+len(dst), t.n, dtype.ErrRange)
	}
	l := t.Type.layout()
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	block, skip := off/l.block, off%l.block
	for len(dst) > 0 {
		count := min((skip+len(dst)-1)/l.block+1, len(s.raw)/l.bytes)
		raw := s.raw[:count*l.bytes]
		if err := t.data.ReadRaw(ctx, raw, int64(block)*int64(l.bytes)); err != nil {
			return err
		}
		block += count
		for ; len(raw) > 0; raw = raw[l.bytes:] {
			if skip == 0 && len(dst) >= l.block {
				l.decode(dst[:l.block], raw[:l.bytes])
				dst = dst[l.block:]
				continue
			}
			l.decode(s.values[:l.block], raw[:l.bytes])
			dst = dst[copy(dst, s.values[skip:l.block]):]
			skip = 0
		}
	}
	return nil
}
