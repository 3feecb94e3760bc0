package gguf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// File is an open model, in one file or in several. Its methods, but for Close,
// are safe for concurrent use.
type File struct {
	name    string // of the first part
	keys    []string
	values  map[string]Value
	tensors []*Tensor // sorted by name
	byName  map[string]*Tensor
	files   []io.Closer
}

// Part is one file of a model.
type Part struct {
	File io.ReaderAt
	Size int64
	Name string // its path, for errors and to tell its number
}

// Open opens a model by the path of its file or of any of its parts
// ("NAME-00001-of-00003.gguf"), which lie side by side.
func Open(path string) (f *File, err error) {
	var files []io.Closer
	defer func() {
		if err != nil {
			for _, file := range files {
				file.Close()
			}
		}
	}()
	var parts []Part
	for _, name := range PartNames(path) {
		file, size, err := regularfile.Open(name)
		if name != path && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w: missing part: %w", path, ErrSplit, err)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, file)
		parts = append(parts, Part{file, size, name})
	}
	if f, err = New(context.Background(), parts...); err != nil {
		return nil, err
	}
	f.files = files
	return f, nil
}

// NewFile reads a model of one part from size bytes of r, which stays the
// caller's. name appears in errors.
func NewFile(ctx context.Context, r io.ReaderAt, size int64, name string) (*File, error) {
	return New(ctx, Part{r, size, name})
}

// New reads a model from all its parts, in order. They stay the caller's.
func New(ctx context.Context, parts ...Part) (*File, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: no parts", ErrSplit)
	}
	f := &File{byName: map[string]*Tensor{}}
	for i, source := range parts {
		p, err := readPart(ctx, source.File, source.Size, source.Name)
		if err != nil {
			return nil, err
		}
		if err := p.checkSplit(i, len(parts)); err != nil {
			return nil, err
		}
		if i == 0 {
			f.name, f.keys, f.values = p.name, p.keys, p.values
		}
		for _, t := range p.tensors {
			if other, ok := f.byName[t.Name]; ok {
				return nil, fmt.Errorf("%s: %w: tensor %q is in %s too", t.File, ErrHeader, t.Name, other.File)
			}
			f.byName[t.Name] = t
			f.tensors = append(f.tensors, t)
		}
	}
	if n, err := f.Uint(splitTensorsKey); err == nil && n != uint64(len(f.tensors)) {
		return nil, fmt.Errorf("%s: %w: %s is %d, the parts have %d tensors", f.name, ErrSplit, splitTensorsKey, n, len(f.tensors))
	}
	slices.SortFunc(f.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	return f, nil
}

// Name returns the path of the file, or of the first part.
func (f *File) Name() string { return f.name }

// Keys returns the metadata keys in the order of the file. Of a model in parts,
// this is the metadata of the first.
func (f *File) Keys() []string { return slices.Clone(f.keys) }

// All returns keys and values in the order of the file, values as Pair takes them.
func (f *File) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, key := range f.keys {
			if !yield(key, f.values[key]) {
				return
			}
		}
	}
}

// Metadata returns all metadata by key.
func (f *File) Metadata() map[string]Value { return maps.Clone(f.values) }

// Tensors returns the tensors of all parts, sorted by name.
func (f *File) Tensors() []*Tensor { return slices.Clone(f.tensors) }

// Tensor returns a tensor by name.
func (f *File) Tensor(name string) (*Tensor, bool) {
	t, ok := f.byName[name]
	return t, ok
}

// Close closes the files opened by Open.
func (f *File) Close() error {
	var err error
	for _, file := range f.files {
		err = errors.Join(err, file.Close())
	}
	return err
}
