package safetensors

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/storage"
)

// maxHeader is the format's own limit on the length of the JSON.
const maxHeader = 100_000_000

const metadataKey = "__metadata__"

// entry is a tensor as the header tells it: bytes [begin, end) of the data.
type entry struct {
	name       string
	dtype      dtype.Type
	shape      []int
	begin, end int64
}

// readHeader returns the tensors in order of their data and the offset of the
// data in the file.
func readHeader(ctx context.Context, r io.ReaderAt, size int64) (entries []entry, metadata map[string]string, data int64, err error) {
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return nil, nil, 0, fmt.Errorf("%d bytes: %w", size, ErrTruncated)
	}
	if err := readFull(ctx, r, prefix[:], 0); err != nil {
		return nil, nil, 0, err
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > maxHeader {
		return nil, nil, 0, fmt.Errorf("header of %d bytes, limit %d: %w", length, maxHeader, ErrHeader)
	}
	data = int64(len(prefix)) + int64(length)
	if data > size {
		return nil, nil, 0, fmt.Errorf("header ends at byte %d of %d: %w", data, size, ErrTruncated)
	}
	text := make([]byte, length)
	if err := readFull(ctx, r, text, int64(len(prefix))); err != nil {
		return nil, nil, 0, err
	}
	entries, metadata, err = parseHeader(text)
	if err == nil {
		err = checkLayout(entries, size-data)
	}
	if err != nil {
		return nil, nil, 0, err
	}
	return entries, metadata, data, nil
}

// checkLayout demands that the tensors, sorted by offset in place, fill size bytes
// without overlap or hole.
func checkLayout(entries []entry, size int64) error {
	slices.SortFunc(entries, func(a, b entry) int { // empty tensors before the one they precede
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	at := int64(0)
	for _, e := range entries {
		switch {
		case e.end > size:
			return fmt.Errorf("tensor %q ends at byte %d of %d: %w", e.name, e.end, size, ErrOffsets)
		case e.begin < at:
			return fmt.Errorf("tensor %q begins at byte %d, inside the one before: %w", e.name, e.begin, ErrOffsets)
		case e.begin > at:
			return fmt.Errorf("hole of %d bytes before tensor %q: %w", e.begin-at, e.name, ErrOffsets)
		}
		at = e.end
	}
	if at != size {
		return fmt.Errorf("%d bytes after the last tensor: %w", size-at, ErrOffsets)
	}
	return nil
}

// parseHeader reads the JSON of the header.
func parseHeader(text []byte) (entries []entry, metadata map[string]string, err error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, fmt.Errorf("not a JSON object: %w", ErrHeader)
	}
	d := strictjson.NewDecoder(text, ErrHeader)
	err = d.Object(func(name string) error {
		if name == metadataKey {
			metadata = map[string]string{}
			return d.Object(func(key string) (err error) {
				metadata[key], err = d.String()
				return err
			})
		}
		e, err := readEntry(d, name)
		entries = append(entries, e)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		return nil
	})
	if err == nil {
		err = d.Finish()
	}
	return entries, metadata, err
}

// readEntry reads one tensor's description and checks it against itself. Unknown keys
// are ignored, as the reference reader does.
func readEntry(d strictjson.Decoder, name string) (entry, error) {
	e := entry{name: name}
	var shape, offsets []int64
	err := d.Object(func(key string) error {
		switch key {
		case "dtype":
			s, err := d.String()
			e.dtype = dtype.Type(s)
			return err
		case "shape":
			var err error
			shape, err = d.Integers()
			return err
		case "data_offsets":
			var err error
			offsets, err = d.Integers()
			return err
		}
		return d.Ignore()
	})
	if err != nil {
		return e, err
	}
	if e.dtype == "" || shape == nil || len(offsets) != 2 {
		return e, d.Failf("dtype, shape and two data_offsets must be there")
	}
	size := e.dtype.Size()
	if size == 0 {
		return e, fmt.Errorf("%w %q", ErrDType, e.dtype)
	}
	e.shape = make([]int, len(shape))
	for i, n := range shape {
		if int64(int(n)) != n {
			return e, fmt.Errorf("%w %v: too large", ErrShape, shape)
		}
		e.shape[i] = int(n)
	}
	n, ok := dtype.Count(e.shape, size)
	if !ok {
		return e, fmt.Errorf("%w %v: too large", ErrShape, shape)
	}
	e.begin, e.end = offsets[0], offsets[1]
	if e.begin > e.end {
		return e, fmt.Errorf("data from byte %d to %d: %w", e.begin, e.end, ErrOffsets)
	}
	if want := int64(n) * int64(size); want != e.end-e.begin {
		return e, fmt.Errorf("%w: %v of %s needs %d bytes, data_offsets give %d", ErrShape, shape, e.dtype, want, e.end-e.begin)
	}
	return e, nil
}

// readFull is ReadAt for bytes that must be there.
func readFull(ctx context.Context, r io.ReaderAt, p []byte, off int64) error {
	n, err := storage.ReadFull(ctx, r, p, off)
	if err != nil {
		err = fmt.Errorf("byte %d: %w", off+int64(n), truncated(err))
	}
	return err
}

// truncated adds ErrTruncated to an unexpected end of file.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return err
}
