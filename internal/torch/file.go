package torch

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// File is one open checkpoint file. Its methods, but for Close, are safe for
// concurrent use.
type File struct {
	close   func() error
	tensors []*Tensor // sorted by name
}

// Open opens one file, runs its pickle and checks that every tensor lies within
// it. What is not a regular file is regularfile.ErrNotRegular.
func Open(path string) (*File, error) {
	file, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := NewFile(context.Background(), file, size, path)
	if err != nil {
		file.Close()
		return nil, err
	}
	f.close = file.Close
	return f, nil
}

// NewFile reads a file of size bytes from r, which stays the caller's and must
// allow concurrent ReadAt. name stands for the path.
func NewFile(ctx context.Context, r io.ReaderAt, size int64, name string) (*File, error) {
	f := &File{}
	if err := f.load(ctx, r, size, name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *File) load(ctx context.Context, r io.ReaderAt, size int64, name string) error {
	a, err := openArchive(ctx, r, size)
	if err != nil {
		return err
	}
	pickle, err := a.pickle(ctx)
	if err != nil {
		return err
	}
	root, err := unpickle(pickle, a.storage)
	if err != nil {
		return fmt.Errorf("data.pkl: %w", err)
	}
	views, err := nameTensors(root, len(pickle))
	if err != nil {
		return fmt.Errorf("data.pkl: %w", err)
	}
	for tensor, v := range views {
		f.tensors = append(f.tensors, &Tensor{Name: tensor, DType: v.storage.dtype, Shape: v.shape, File: name, view: v, r: r})
	}
	slices.SortFunc(f.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

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

// readFull is ReadAt for bytes that must be there.
func readFull(ctx context.Context, r io.ReaderAt, p []byte, off int64) error {
	n, err := place.ReadFull(ctx, r, p, off)
	if err != nil {
		err = fmt.Errorf("byte %d: %w", off+int64(n), truncated(err))
	}
	return err
}

// find searches tensors sorted by name.
func find(tensors []*Tensor, name string) (*Tensor, bool) {
	i, ok := slices.BinarySearchFunc(tensors, name, func(t *Tensor, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return nil, false
	}
	return tensors[i], true
}
