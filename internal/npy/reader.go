package npy

import (
	"context"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Reader reads one array. Its methods, but for Close, are safe for concurrent use
// if the file's ReadAt is, as that of *os.File.
type Reader struct {
	name   string
	header Header
	array  dtype.Array
	close  func() error
}

// Open opens a file and checks its header against its size. What is not a
// regular file is regularfile.ErrNotRegular.
func Open(path string) (*Reader, error) {
	f, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(context.Background(), f, size, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.close = f.Close
	return r, nil
}

// NewReader reads an array of size bytes, header included, from file, which stays
// the caller's. name appears in errors.
func NewReader(ctx context.Context, file io.ReaderAt, size int64, name string) (*Reader, error) {
	r := &Reader{name: name}
	h, offset, err := readHeader(storage.WithContext(ctx, file), size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t, bigEndian, err := elementType(h.Descr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	n, ok := dtype.Count(h.Shape, t.Size())
	if !ok {
		return nil, fmt.Errorf("%s: %w %v: too large", name, ErrShape, h.Shape)
	}
	if want := int64(n) * int64(t.Size()); want != size-offset {
		return nil, fmt.Errorf("%s: shape %v of %q needs %d bytes, the file has %d: %w", name, h.Shape, h.Descr, want, size-offset, ErrSize)
	}
	if len(h.Shape) < 2 {
		h.Fortran = false // one dimension has one order
	}
	if h.Fortran && len(h.Shape) > 2 {
		return nil, fmt.Errorf("%s: shape %v: %w", name, h.Shape, ErrFortran)
	}
	r.header = h
	r.array = dtype.Array{File: file, Offset: offset, Len: n, Type: t, BigEndian: bigEndian}
	return r, nil
}

// Header returns the header; its Shape must not be changed. Fortran is false for
// arrays of fewer than two dimensions, whatever the file says.
func (r *Reader) Header() Header { return r.header }

// Shape returns a copy of the shape.
func (r *Reader) Shape() []int { return append([]int{}, r.header.Shape...) }

// Len returns the number of elements.
func (r *Reader) Len() int { return r.array.Len }

// Type returns the type of the elements.
func (r *Reader) Type() dtype.Type { return r.array.Type }

// Close closes a file opened by Open.
func (r *Reader) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// ReadFloat32 fills dst with elements [off, off+len(dst)) in row-major order,
// whatever the order in the file. It holds at most 256 KiB beside dst, and
// allocates nothing in row-major files. A window of a column-major file costs
// one read a column: take whole rows, many at a time.
func (r *Reader) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	var err error
	if r.header.Fortran {
		err = r.readColumns(ctx, dst, off)
	} else {
		err = r.array.ReadFloat32(ctx, dst, off)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// ReadRaw fills dst with bytes [off, off+len(dst)) of the elements as stored: in
// the file's own order and byte order.
func (r *Reader) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	if err := r.array.ReadRaw(ctx, dst, off); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// Plain tells whether elements are stored row-major and little-endian.
func (r *Reader) Plain() bool { return !r.header.Fortran && !r.array.BigEndian }

// readColumns gathers a row-major window from a column-major matrix.
func (r *Reader) readColumns(ctx context.Context, dst []float32, off int) error {
	if off < 0 || off > r.array.Len || len(dst) > r.array.Len-off {
		return fmt.Errorf("elements [%d, %d) of %d: %w", off, off+len(dst), r.array.Len, dtype.ErrRange)
	}
	if len(dst) == 0 {
		return nil
	}
	rows, cols := r.header.Shape[0], r.header.Shape[1]
	end := off + len(dst)
	column := make([]float32, min(rows, 1<<14, len(dst)/cols+1))
	for c := range cols {
		// Rows whose element (row, c) lies in the window: row*cols + c in [off, end).
		first := (max(off-c, 0) + cols - 1) / cols
		last := (max(end-c, 0) + cols - 1) / cols
		for first < last {
			part := column[:min(len(column), last-first)]
			if err := r.array.ReadFloat32(ctx, part, c*rows+first); err != nil {
				return err
			}
			for i, v := range part {
				dst[(first+i)*cols+c-off] = v
			}
			first += len(part)
		}
	}
	return nil
}
