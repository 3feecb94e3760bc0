package torch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// File is one open checkpoint file. Its methods, but for Close, are safe for
// concurrent use.
type File struct {
	path    string
	size    int64
	r       io.ReaderAt
	close   func() error
	archive *archive
	wrapper string
	tensors []*Tensor // sorted by name
}

// Open opens one file, runs its pickle and checks that every tensor lies within
// it. What is not a regular file is regularfile.ErrNotRegular.
func Open(path string) (*File, error) {
	file, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := NewFile(file, size, path)
	if err != nil {
		file.Close()
		return nil, err
	}
	f.close = file.Close
	return f, nil
}

// NewFile reads a file of size bytes from r, which stays the caller's and must
// allow concurrent ReadAt. name stands for the path.
func NewFile(r io.ReaderAt, size int64, name string) (*File, error) {
	f := &File{path: name, size: size, r: r}
	if err := f.load(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *File) load() error {
	a, err := openArchive(f.r, f.size)
	if err != nil {
		return err
	}
	f.archive = a
	pickle, err := a.pickle()
	if err != nil {
		return err
	}
	root, err := unpickle(pickle, a.storage)
	if err != nil {
		return fmt.Errorf("data.pkl: %w", err)
	}
	views, wrapper, err := nameTensors(root, len(pickle))
	if err != nil {
		return fmt.Errorf("data.pkl: %w", err)
	}
	f.wrapper = wrapper
	for name, v := range views {
		f.tensors = append(f.tensors, &Tensor{Name: name, DType: v.storage.dtype, Shape: v.shape, File: f.path, view: v, r: f.r})
	}
	slices.SortFunc(f.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Path returns the path the file was opened by.
func (f *File) Path() string { return f.path }

// Size returns the file's length in bytes.
func (f *File) Size() int64 { return f.size }

// Wrapper returns the keys, joined by dots, of the dictionaries around the state
// dictionary ("state_dict", "model.module"), empty if there are none.
func (f *File) Wrapper() string { return f.wrapper }

// Tensors returns the tensors sorted by name.
func (f *File) Tensors() []*Tensor { return slices.Clone(f.tensors) }

// Tensor returns the tensor of that name, false if there is none.
func (f *File) Tensor(name string) (*Tensor, bool) { return find(f.tensors, name) }

// Close closes a file opened by Open; its tensors can't be read any more.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// SHA256 hashes the whole file, reading 256 KiB at a time. It stops with ctx's
// error when ctx is done.
func (f *File) SHA256(ctx context.Context) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	if err := hashRange(ctx, h, f.r, 0, f.size, make([]byte, 256<<10)); err != nil {
		return sum, fmt.Errorf("%s: %w", f.path, err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// Verify reads the whole archive and compares the CRC-32 of every entry with the
// one it carries. A file saved under torch.serialization.set_crc32_options(False)
// carries none and fails. Verify stops with ctx's error when ctx is done.
func (f *File) Verify(ctx context.Context) error {
	buffer := make([]byte, 256<<10)
	for _, e := range f.archive.sorted {
		h := crc32.NewIEEE()
		if err := hashRange(ctx, h, f.r, e.offset, e.size, buffer); err != nil {
			return fmt.Errorf("%s: %s: %w", f.path, e.name, err)
		}
		if h.Sum32() != e.crc {
			return fmt.Errorf("%s: %s: %w: %08x, %08x expected", f.path, e.name, ErrChecksum, h.Sum32(), e.crc)
		}
	}
	return nil
}

// hashRange writes size bytes of r to h through a buffer.
func hashRange(ctx context.Context, h hash.Hash, r io.ReaderAt, off, size int64, buffer []byte) error {
	for end := off + size; off < end; off += int64(len(buffer)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := buffer[:min(int64(len(buffer)), end-off)]
		if err := readFull(r, p, off); err != nil {
			return err
		}
		h.Write(p)
	}
	return nil
}

// readFull is ReadAt for bytes that must be there.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("byte %d: %w", off+int64(n), truncated(err))
}

// find searches tensors sorted by name.
func find(tensors []*Tensor, name string) (*Tensor, bool) {
	i, ok := slices.BinarySearchFunc(tensors, name, func(t *Tensor, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return nil, false
	}
	return tensors[i], true
}
