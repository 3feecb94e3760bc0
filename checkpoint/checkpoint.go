package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Tensor is one tensor of an open checkpoint. Its fields must not be changed; its
// methods are safe for concurrent use.
type Tensor struct {
	Name  string
	DType string // as the source calls it: "BF16", "Q4_K"
	Shape []int  // row-major; empty for a scalar
	Size  int64  // bytes in the source
	File  string // name of the file that holds it
	// Type is how each element is stored, empty if several share what they decode
	// to: GGUF's blocks, quantized weights.
	Type dtype.Type
	data Data
}

// ReadFloat32 fills dst with elements [off, off+len(dst)), row-major. Errors are those of
// reading the tensor's kind of file, also for elements that it does not have, and the context's.
func (t *Tensor) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	if off < 0 {
		return fmt.Errorf("%s: element %d: %w", t.Name, off, dtype.ErrRange)
	}
	return t.data.ReadFloat32(ctx, dst, off)
}

// ReadRaw fills dst with bytes [off, off+len(dst)) as they are stored.
func (t *Tensor) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	if off < 0 {
		return fmt.Errorf("%s: byte %d: %w", t.Name, off, dtype.ErrRange)
	}
	return t.data.ReadRaw(ctx, dst, off)
}

// NewTensor returns t with what its elements come from.
func NewTensor(t *Tensor, data Data) *Tensor {
	t.data = data
	return t
}

// Data is what a tensor's elements come from. It is safe for concurrent use.
type Data interface {
	// ReadFloat32 fills dst with elements [off, off+len(dst)), row-major.
	ReadFloat32(ctx context.Context, dst []float32, off int) error
	// ReadRaw fills dst with bytes [off, off+len(dst)) as they are stored.
	ReadRaw(ctx context.Context, dst []byte, off int64) error
}

// Len returns the number of elements.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// IsFloat tells weights from counters and masks.
func (t *Tensor) IsFloat() bool {
	switch t.Type {
	case "", dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2:
		return true
	}
	return false
}

// SHA256 hashes the tensor's bytes as they are stored, in hex.
func (t *Tensor) SHA256(ctx context.Context) (string, error) {
	return storage.SumBy(t.Size, func(p []byte, off int64) error { return t.ReadRaw(ctx, p, off) })
}

// Same tells whether two tensors have the same shape and values. It reads as far as they do.
func Same(ctx context.Context, a, b *Tensor) (bool, error) {
	if !slices.Equal(a.Shape, b.Shape) {
		return false, nil
	}
	const piece = 1 << 16
	x, y := make([]float32, min(piece, a.Len())), make([]float32, min(piece, a.Len()))
	for at := 0; at < a.Len(); at += len(x) {
		n := min(len(x), a.Len()-at)
		if err := errors.Join(a.ReadFloat32(ctx, x[:n], at), b.ReadFloat32(ctx, y[:n], at)); err != nil {
			return false, err
		}
		if !slices.Equal(x[:n], y[:n]) {
			return false, nil
		}
	}
	return true, nil
}

// Checkpoint is an open checkpoint. Its methods, but for Close, are safe for
// concurrent use.
type Checkpoint struct {
	name     string
	place    storage.Place
	first    string   // the file that it was opened by, such as an index of others
	whole    bool     // of a directory or repository, not one file of it
	weights  []string // names of the files with weights, sorted
	files    map[string]storage.File
	tensors  []*Tensor  // sorted by name
	gguf     *gguf.File // its metadata too
	metadata Metadata   // nil for other kinds than GGUF
	closers  []func() error
	// quantization says how weights are stored, for people; empty if they are as they are.
	quantization string
	rounding     func(ctx context.Context) (string, error) // see Rounding; nil for other kinds than .npy
}

// OpenPath opens a checkpoint on disk: a directory (also that of a repository in the hub's
// cache, models--OWNER--NAME), an index of shards, or a file. The errors are those of reading
// its kind of file, ErrUnknown, ErrQuantization and ErrScale.
func OpenPath(ctx context.Context, path string, o Options) (*Checkpoint, error) {
	path, err := snapshot(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || o.File != "" {
		return OpenPlace(ctx, storage.Dir(path), path, o)
	}
	return open(ctx, storage.Dir(filepath.Dir(path)), filepath.Base(path), path, o.Stored)
}

// Location returns where the checkpoint lies, for what opens it again.
func (c *Checkpoint) Location() Location {
	return Location{Place: c.place, Name: c.name, File: c.first, found: c.name}
}

// OpenPlace opens the checkpoint among the files of a place, which is called name
// in messages.
func OpenPlace(ctx context.Context, place storage.Place, name string, o Options) (*Checkpoint, error) {
	names, err := place.Names(ctx)
	if err != nil {
		return nil, err
	}
	weights, err := choose(names, o.File)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c, err := open(ctx, place, weights, name, o.Stored)
	if err != nil {
		return nil, err
	}
	c.whole = true
	return c, nil
}

// open opens the checkpoint whose first file is called file.
func open(ctx context.Context, place storage.Place, file, name string, stored bool) (*Checkpoint, error) {
	c := &Checkpoint{name: name, place: place, first: file, files: map[string]storage.File{}}
	if err := c.read(ctx, file); err != nil {
		c.Close()
		return nil, err
	}
	slices.SortFunc(c.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	if !stored {
		if err := c.quantize(ctx); err != nil {
			c.Close()
			return nil, err
		}
		c.straighten()
		c.stack()
		c.joinHeads()
	}
	for file := range c.files {
		if !strings.HasSuffix(file, ".json") {
			c.weights = append(c.weights, file)
		}
	}
	slices.Sort(c.weights)
	return c, nil
}

// file opens a file of the checkpoint, once.
func (c *Checkpoint) file(ctx context.Context, name string) (storage.File, error) {
	if f, ok := c.files[name]; ok {
		return f, nil
	}
	f, err := storage.Open(ctx, c.place, name)
	if err == nil {
		c.files[name] = f
	}
	return f, err
}

// Name returns what the checkpoint was opened by.
func (c *Checkpoint) Name() string { return c.name }

// Place returns where the checkpoint's files lie.
func (c *Checkpoint) Place() storage.Place { return c.place }

// Whole tells whether the checkpoint has its directory or repository to itself, so
// that config.json and the like there belong to it.
func (c *Checkpoint) Whole() bool { return c.whole }

// Tensors returns the tensors sorted by name.
func (c *Checkpoint) Tensors() []*Tensor { return slices.Clone(c.tensors) }

// Names are the tensors' names.
func (c *Checkpoint) Names() iter.Seq[string] {
	return func(yield func(name string) bool) {
		for _, t := range c.tensors {
			if !yield(t.Name) {
				return
			}
		}
	}
}

// Metadata returns the metadata of a GGUF model, or of a model directory that was converted
// from one; nil for other kinds. They can be asked for until the checkpoint is closed.
func (c *Checkpoint) Metadata() Metadata {
	return c.metadata
}

// Quantization says how the weights are stored, such as "GPTQ, 4 bits"; empty if they are
// as they are, or GGUF's, whose tensors say so each.
func (c *Checkpoint) Quantization() string { return c.quantization }

// Bytes returns the size of all tensors.
func (c *Checkpoint) Bytes() int64 {
	var n int64
	for _, t := range c.tensors {
		n += t.Size
	}
	return n
}

// WeightFiles returns the names of the files with weights, sorted.
func (c *Checkpoint) WeightFiles() []string { return slices.Clone(c.weights) }

// Stamp tells this content of a file with weights, one of WeightFiles, from another (see
// storage.File); "" for any other file.
func (c *Checkpoint) Stamp(file string) string {
	if f := c.files[file]; f != nil {
		return f.Stamp()
	}
	return ""
}

// Hash returns the SHA-256, in hex, and the size in bytes of a file with weights; any other
// file is fs.ErrNotExist.
func (c *Checkpoint) Hash(ctx context.Context, file string) (string, int64, error) {
	f := c.files[file]
	if f == nil {
		return "", 0, fmt.Errorf("%s: %w", c.place.Path(file), fs.ErrNotExist)
	}
	sum, err := storage.SHA256(ctx, f)
	if err != nil {
		return "", 0, fmt.Errorf("%s: %w", c.place.Path(file), err)
	}
	return sum, f.Size(), nil
}

// OpenFile opens a file beside the weights, such as tokenizer.json; a missing one
// is fs.ErrNotExist.
func (c *Checkpoint) OpenFile(ctx context.Context, name string) (storage.File, error) {
	return storage.Open(ctx, c.place, name)
}

// ReadFile returns the content of a file beside the weights, such as config.json.
// One larger than limit bytes is ErrTooLarge; a missing one is fs.ErrNotExist.
func (c *Checkpoint) ReadFile(ctx context.Context, name string, limit int64) ([]byte, error) {
	return storage.ReadFile(ctx, c.place, name, limit)
}

// Close closes all files.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	for _, c := range c.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}
