package safetensors

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// File is one open safetensors file. Its methods, but for Close, are safe for
// concurrent use.
type File struct {
	close    func() error
	tensors  []*Tensor // sorted by name
	metadata map[string]string
}

// Open opens one file and checks its header. What is not a regular file is
// regularfile.ErrNotRegular.
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
	entries, metadata, data, err := readHeader(ctx, r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &File{metadata: metadata}
	for _, e := range entries {
		n, _ := dtype.Count(e.shape, e.dtype.Size())
		f.tensors = append(f.tensors, &Tensor{
			Name: e.name, DType: e.dtype, Shape: e.shape, File: name,
			array: dtype.Array{File: r, Offset: data + e.begin, Len: n, Type: e.dtype},
		})
	}
	slices.SortFunc(f.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	return f, nil
}

// Tensors returns the tensors sorted by name.
func (f *File) Tensors() []*Tensor { return slices.Clone(f.tensors) }

// Tensor returns the tensor of that name, false if there is none.
func (f *File) Tensor(name string) (*Tensor, bool) { return find(f.tensors, name) }

// Metadata returns a copy of the header's "__metadata__".
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Close closes a file opened by Open; its tensors can't be read any more.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// find searches tensors sorted by name.
func find(tensors []*Tensor, name string) (*Tensor, bool) {
	i, ok := slices.BinarySearchFunc(tensors, name, func(t *Tensor, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return nil, false
	}
	return tensors[i], true
}
