package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/internal/torch"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// choose tells which of a directory's files is its checkpoint, the first of it if
// there are several: safetensors before GGUF before PyTorch. wanted, if not empty, is a
// file's name or a GGUF file's quantization.
func choose(names []string, wanted string) (string, error) {
	if wanted != "" {
		return chooseWanted(names, wanted)
	}
	name, err := safetensors.Choose(names)
	if !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	models := ggufModels(names)
	switch len(models) {
	case 0:
	case 1:
		return models[0], nil
	default:
		return "", fmt.Errorf("several GGUF models, name one of %s: %w", strings.Join(models, ", "), ErrUnknown)
	}
	name, err = torch.Choose(names)
	switch {
	case errors.Is(err, fs.ErrNotExist) && slices.Contains(names, model.ManifestName):
		return "", fmt.Errorf("a model directory, which is converted already: %w", ErrUnknown)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("no safetensors, GGUF or PyTorch file in it: %w", ErrUnknown)
	}
	return name, err
}

// ggufModels returns the GGUF models among files, each by its first part. Vision
// projectors, which go with a model, are none.
func ggufModels(names []string) []string {
	var models []string
	for _, n := range names {
		if parts := gguf.PartNames(n); strings.HasSuffix(n, ".gguf") && parts[0] == n && n[0] != '.' && !strings.Contains(n, "mmproj") {
			models = append(models, n)
		}
	}
	return models
}

// chooseWanted finds a file by its name or a GGUF file by its quantization, which its name
// has as a part of its own: "Q4_K_M" is in "model-Q4_K_M.gguf" and not in "model-Q4_K.gguf".
func chooseWanted(names []string, wanted string) (string, error) {
	if slices.Contains(names, wanted) {
		return wanted, nil
	}
	var found []string
	models := ggufModels(names)
	for _, n := range models {
		parts := strings.FieldsFunc(n, func(r rune) bool { return r == '-' || r == '.' })
		if slices.ContainsFunc(parts, func(p string) bool { return strings.EqualFold(p, wanted) }) {
			found = append(found, n)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("several GGUF models of %q, name one of %s: %w", wanted, strings.Join(found, ", "), ErrUnknown)
	case len(models) > 0:
		return "", fmt.Errorf("no file %q in it, but %s: %w", wanted, strings.Join(models, ", "), ErrUnknown)
	}
	return "", fmt.Errorf("no file %q in it: %w", wanted, ErrUnknown)
}

// read opens the checkpoint whose first file is given, by what that begins with.
func (c *Checkpoint) read(ctx context.Context, name string) error {
	switch {
	case strings.HasSuffix(name, ".safetensors.index.json"):
		return c.readShards(ctx, name, ".safetensors", safetensors.ErrIndex, c.readSafetensors)
	case strings.HasSuffix(name, ".bin.index.json"):
		return c.readShards(ctx, name, ".bin", torch.ErrIndex, c.readTorch)
	}
	f, err := c.file(ctx, name)
	if err != nil {
		return err
	}
	const magic = 9
	begin, err := beginning(ctx, f, magic)
	if err != nil {
		return fmt.Errorf("%s: %w", c.place.Path(name), err)
	}
	switch {
	case strings.HasPrefix(begin, "GGUF"):
		return c.readGGUF(ctx, name)
	case strings.HasPrefix(begin, "\x93NUMPY"):
		return c.readNPY(ctx, name, f)
	case strings.HasPrefix(begin, "PK"), slices.Contains([]string{".bin", ".pth", ".pt"}, filepath.Ext(name)):
		return c.readTorch(ctx, name, f)
	case filepath.Ext(name) == ".safetensors", len(begin) == magic && begin[4:] == "\x00\x00\x00\x00{": // a header below 4 GiB
		return c.readSafetensors(ctx, name, f)
	}
	return fmt.Errorf("%s: %w", c.place.Path(name), ErrUnknown)
}

// beginning returns the first n bytes of a file, or all of one that is shorter: the reader of its
// kind will tell.
func beginning(ctx context.Context, f storage.File, n int) (string, error) {
	text := make([]byte, n)
	n, err := storage.ReadAt(ctx, f, text, 0)
	if n < len(text) && !errors.Is(err, io.EOF) {
		return "", err
	}
	return string(text[:n]), nil
}

func (c *Checkpoint) readSafetensors(ctx context.Context, name string, f storage.File) error {
	s, err := safetensors.NewFile(ctx, f, f.Size(), c.place.Path(name))
	if err != nil {
		return err
	}
	for _, t := range s.Tensors() {
		c.tensors = append(c.tensors, &Tensor{
			Name: t.Name, DType: string(t.DType), Shape: t.Shape, Size: t.Size(), File: filepath.Base(t.File), Type: t.DType, data: t,
		})
	}
	return nil
}

func (c *Checkpoint) readTorch(ctx context.Context, name string, f storage.File) error {
	t, err := torch.NewFile(ctx, f, f.Size(), c.place.Path(name))
	if err != nil {
		return err
	}
	for _, t := range t.Tensors() {
		c.tensors = append(c.tensors, &Tensor{
			Name: t.Name, DType: string(t.DType), Shape: t.Shape, Size: t.Size(), File: filepath.Base(t.File), Type: t.DType, data: t,
		})
	}
	return nil
}

func (c *Checkpoint) readGGUF(ctx context.Context, name string) error {
	var parts []gguf.Part
	for _, part := range gguf.PartNames(name) {
		f, err := c.file(ctx, part)
		if part != name && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w: missing part: %w", c.place.Path(name), gguf.ErrSplit, err)
		}
		if err != nil {
			return err
		}
		parts = append(parts, gguf.Part{File: f, Size: f.Size(), Name: c.place.Path(part)})
	}
	var err error
	if c.gguf, err = gguf.New(ctx, parts...); err != nil {
		return err
	}
	c.metadata = c.gguf
	for _, t := range c.gguf.Tensors() {
		c.tensors = append(c.tensors, &Tensor{
			Name: t.Name, DType: t.Type.String(), Shape: trimGGUF(t), Size: t.Size(), File: filepath.Base(t.File), Type: plain[t.Type], data: t,
		})
	}
	return nil
}

// trimGGUF leaves out the ones in front of a norm's or bias's shape: shapes are padded
// with them in these files, and such a vector may be [1, n].
func trimGGUF(t *gguf.Tensor) []int {
	shape := t.Shape
	if strings.HasSuffix(t.Name, "norm.weight") || strings.HasSuffix(t.Name, ".bias") {
		for len(shape) > 1 && shape[0] == 1 {
			shape = shape[1:]
		}
	}
	return shape
}

// plain are GGUF's types without blocks.
var plain = map[gguf.Type]dtype.Type{
	gguf.F64: dtype.F64, gguf.F32: dtype.F32, gguf.F16: dtype.F16, gguf.BF16: dtype.BF16,
	gguf.I64: dtype.I64, gguf.I32: dtype.I32, gguf.I16: dtype.I16, gguf.I8: dtype.I8,
}

// readNPY opens one array, which is called after its file.
func (c *Checkpoint) readNPY(ctx context.Context, name string, f storage.File) error {
	r, err := npy.NewReader(ctx, f, f.Size(), c.place.Path(name))
	if err != nil {
		return err
	}
	t := &Tensor{
		Name: strings.TrimSuffix(name, ".npy"), DType: string(r.Type()), Shape: r.Shape(), Size: int64(r.Len() * r.Type().Size()),
		File: name, Type: r.Type(), data: r,
	}
	if !r.Plain() { // its bytes are no row-major little-endian array: only its values count
		if !t.IsFloat() {
			return fmt.Errorf("%s: integers that are big-endian or in column order: %w", c.place.Path(name), ErrUnknown)
		}
		t.Type = ""
	}
	c.tensors, c.rounding = []*Tensor{t}, r.Rounding
	return nil
}
