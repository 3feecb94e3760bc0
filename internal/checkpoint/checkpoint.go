package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

var (
	// ErrUnknown reports a path that holds no checkpoint of a known kind.
	ErrUnknown = errors.New("no checkpoint")
	// ErrScale reports a quantized matrix whose scales and the like do not fit it, or
	// settings of its quantization that make no sense.
	ErrScale = errors.New("bad scales")
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

// ReadFloat32 fills dst with elements [off, off+len(dst)), row-major.
func (t *Tensor) ReadFloat32(dst []float32, off int) error { return t.data.ReadFloat32(dst, off) }

// ReadRaw fills dst with bytes [off, off+len(dst)) as they are stored.
func (t *Tensor) ReadRaw(dst []byte, off int64) error { return t.data.ReadRaw(dst, off) }

// NewTensor returns t with what its elements come from.
func NewTensor(t *Tensor, data Data) *Tensor {
	t.data = data
	return t
}

// Data is what a tensor's elements come from. It is safe for concurrent use.
type Data interface {
	// ReadFloat32 fills dst with elements [off, off+len(dst)), row-major.
	ReadFloat32(dst []float32, off int) error
	// ReadRaw fills dst with bytes [off, off+len(dst)) as they are stored.
	ReadRaw(dst []byte, off int64) error
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
	h := sha256.New()
	buf := make([]byte, min(t.Size, 1<<18))
	for at := int64(0); at < t.Size; at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		buf := buf[:min(int64(len(buf)), t.Size-at)]
		if err := t.ReadRaw(buf, at); err != nil {
			return "", err
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Same tells whether two tensors have the same shape and values. It reads as far as they do.
func Same(ctx context.Context, a, b *Tensor) (bool, error) {
	if !slices.Equal(a.Shape, b.Shape) {
		return false, nil
	}
	const piece = 1 << 16
	x, y := make([]float32, min(piece, a.Len())), make([]float32, min(piece, a.Len()))
	for at := 0; at < a.Len(); at += len(x) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n := min(len(x), a.Len()-at)
		if err := errors.Join(a.ReadFloat32(x[:n], at), b.ReadFloat32(y[:n], at)); err != nil {
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
	name    string
	place   Place
	whole   bool     // of a directory or repository, not one file of it
	weights []string // names of the files with weights, sorted
	files   map[string]File
	tensors []*Tensor // sorted by name
	gguf    *gguf.File
	closers []func() error
	// quantization says how weights are stored, for people; empty if they are as they are.
	quantization string
}

// New returns a checkpoint of tensors that were opened elsewhere, sorted by name. It
// closes them by closers.
func New(place Place, name string, tensors []*Tensor, metadata *gguf.File, closers []func() error) *Checkpoint {
	return &Checkpoint{name: name, place: place, whole: true, tensors: tensors, gguf: metadata, closers: closers}
}

// Options say how a checkpoint is opened.
type Options struct {
	// File, if not empty, is the file to open of several candidates in a directory or
	// repository; or what a GGUF file's name says of its quantization, such as "Q4_K_M".
	File string
	// Stored leaves quantized weights as they are stored: codes, scales and the like.
	Stored bool
}

// Open is OpenPath without options.
func Open(path string) (*Checkpoint, error) { return OpenPath(path, Options{}) }

// OpenPath opens a checkpoint on disk: a directory (also that of a repository in the hub's
// cache, models--OWNER--NAME), an index of shards, or a file. The errors are those of reading
// its kind of file, ErrUnknown, ErrQuantization and ErrScale.
func OpenPath(path string, o Options) (*Checkpoint, error) {
	path, err := snapshot(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || o.File != "" {
		return OpenPlace(Dir(path), path, o)
	}
	return open(Dir(filepath.Dir(path)), filepath.Base(path), path, o.Stored)
}

// OpenPlace opens the checkpoint among the files of a place, which is called name
// in messages.
func OpenPlace(place Place, name string, o Options) (*Checkpoint, error) {
	names, err := place.Names()
	if err != nil {
		return nil, err
	}
	weights, err := choose(names, o.File)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c, err := open(place, weights, name, o.Stored)
	if err != nil {
		return nil, err
	}
	c.whole = true
	return c, nil
}

// open opens the checkpoint whose first file is called file.
func open(place Place, file, name string, stored bool) (*Checkpoint, error) {
	c := &Checkpoint{name: name, place: place, files: map[string]File{}}
	if err := c.read(file); err != nil {
		c.Close()
		return nil, err
	}
	slices.SortFunc(c.tensors, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	if !stored {
		if err := c.quantize(); err != nil {
			c.Close()
			return nil, err
		}
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
func (c *Checkpoint) file(name string) (File, error) {
	if f, ok := c.files[name]; ok {
		return f, nil
	}
	f, err := c.place.Open(name)
	if err == nil {
		c.files[name] = f
	}
	return f, err
}

// Name returns what the checkpoint was opened by.
func (c *Checkpoint) Name() string { return c.name }

// Place returns where the checkpoint's files lie.
func (c *Checkpoint) Place() Place { return c.place }

// Whole tells whether the checkpoint has its directory or repository to itself, so
// that config.json and the like there belong to it.
func (c *Checkpoint) Whole() bool { return c.whole }

// Tensors returns the tensors sorted by name.
func (c *Checkpoint) Tensors() []*Tensor { return slices.Clone(c.tensors) }

// GGUF returns the file with the metadata of a GGUF model, nil for other kinds.
func (c *Checkpoint) GGUF() *gguf.File { return c.gguf }

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

// Stamp tells this content of a file with weights from another (see File.Stamp).
func (c *Checkpoint) Stamp(file string) string { return c.files[file].Stamp() }

// Hashed is a File whose SHA-256, in hex, its place vouches for; empty if not.
type Hashed interface{ SHA256() string }

// Hash returns the SHA-256, in hex, and the size of a file with weights.
func (c *Checkpoint) Hash(ctx context.Context, file string) (string, int64, error) {
	f := c.files[file]
	if h, ok := f.(Hashed); ok && h.SHA256() != "" {
		return h.SHA256(), f.Size(), nil
	}
	h := sha256.New()
	r := io.NewSectionReader(f, 0, f.Size())
	buf := make([]byte, 1<<18)
	for {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		n, err := r.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), f.Size(), nil
		} else if err != nil {
			return "", 0, fmt.Errorf("%s: %w", c.place.Path(file), err)
		}
	}
}

// OpenFile opens a file beside the weights, such as tokenizer.json; a missing one
// is fs.ErrNotExist.
func (c *Checkpoint) OpenFile(name string) (File, error) { return c.place.Open(name) }

// ReadFile returns the content of a file beside the weights, such as config.json.
// One larger than limit bytes is regularfile.ErrTooLarge; a missing one is fs.ErrNotExist.
func (c *Checkpoint) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := c.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return regularfile.Content(f, f.Size(), limit, c.place.Path(name))
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
