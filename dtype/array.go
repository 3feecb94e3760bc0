package dtype

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/helix-substrate/helix-substrate/storage"
)

// ErrRange reports a window outside an array.
var ErrRange = errors.New("outside the array")

// Array is a run of elements in a file. Its methods are safe for concurrent use
// if the file's ReadAt is. A File with a ReadAtContext, as a storage.File has, is read with the context.
type Array struct {
	File      io.ReaderAt
	Offset    int64 // byte offset of element 0
	Len       int   // elements
	Type      Type
	BigEndian bool
}

// bufferSize bounds what one read holds besides dst. It is a multiple of every
// element size and small enough to stay in the second-level cache.
const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// ReadFloat32 fills dst with elements [off, off+len(dst)); what float32 cannot stand for
// is ErrValue, as Check says. It allocates nothing
// once its buffers are warm.
func (a *Array) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	if off < 0 || off > a.Len || len(dst) > a.Len-off {
		return fmt.Errorf("elements [%d, %d) of %d: %w", off, off+len(dst), a.Len, ErrRange)
	}
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	size := a.Type.Size()
	for len(dst) > 0 {
		n := min(len(dst), bufferSize/size)
		raw := buffer[:n*size]
		if err := readFull(ctx, a.File, raw, a.Offset+int64(off)*int64(size)); err != nil {
			return err
		}
		if a.BigEndian {
			SwapBytes(raw, size)
		}
		if i, err := Check(raw, a.Type); err != nil {
			return fmt.Errorf("element %d: %w", off+i, err)
		}
		Decode(dst[:n], raw, a.Type)
		dst, off = dst[n:], off+n
	}
	return nil
}

// ReadRaw fills dst with bytes [off, off+len(dst)) of the array as stored.
func (a *Array) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	size := int64(a.Len) * int64(a.Type.Size())
	if off < 0 || off > size || int64(len(dst)) > size-off {
		return fmt.Errorf("bytes [%d, %d) of %d: %w", off, off+int64(len(dst)), size, ErrRange)
	}
	return readFull(ctx, a.File, dst, a.Offset+off)
}

// readFull is ReadAt for bytes that must be there.
func readFull(ctx context.Context, r io.ReaderAt, p []byte, off int64) error {
	n, err := storage.ReadFull(ctx, r, p, off)
	if err != nil {
		err = fmt.Errorf("byte %d: %w", off+int64(n), err)
	}
	return err
}
