package transformer

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// dense is a checkpoint of any kind, run as it is: a Hugging Face directory, whose
// config.json says what it is, or a GGUF file, whose metadata do. Quantized weights are read
// as what they stand for.
type dense struct {
	described
	file    *checkpoint.Checkpoint
	tensors map[string]*checkpoint.Tensor
}

func openDense(ctx context.Context, at checkpoint.Location) (*dense, error) {
	c, err := at.Checkpoint(ctx, checkpoint.Options{})
	if err != nil {
		return nil, err
	}
	s := &dense{file: c, tensors: map[string]*checkpoint.Tensor{}}
	s.described = described{
		name: c.Name(), metadata: c.Metadata(), read: c.ReadFile,
		there: func(name string) bool { return s.tensors[name] != nil }, all: maps.Keys(s.tensors),
	}
	for _, t := range c.Tensors() {
		s.tensors[t.Name] = t
	}
	return s, nil
}

func (s *dense) experts() (string, *model.ExpertUse) { return "", nil }

func (s *dense) close() error { return s.file.Close() }

func (s *dense) config(ctx context.Context) (*arch.Config, error) {
	return s.parse(ctx, denseTensors{ctx, s})
}

// denseTensors are a GGUF file's tensors by their own names.
type denseTensors struct {
	ctx context.Context // of the one call that these are for
	s   *dense
}

func (t denseTensors) Shape(name string) ([]int, bool) {
	e, ok := t.s.tensors[name]
	if !ok {
		return nil, false
	}
	return e.Shape, true
}

func (t denseTensors) Values(name string) ([]float32, error) {
	e, ok := t.s.tensors[name]
	if !ok || e.Len() > 1<<16 {
		return nil, fmt.Errorf("%s is no small tensor: %w", name, arch.ErrWeights)
	}
	x := make([]float32, e.Len())
	return x, e.ReadFloat32(t.ctx, x, 0)
}

func (s *dense) shape(name string) ([]int, bool) { return denseTensors{s: s}.Shape(s.stored(name)) }

// tensor finds one that holds weights: integers that nothing explains are none.
func (s *dense) tensor(name string) (*checkpoint.Tensor, error) {
	t := s.tensors[s.stored(name)]
	if t == nil {
		return nil, fmt.Errorf("%s: no tensor %s (%s): %w", s.name, s.stored(name), name, arch.ErrWeights)
	}
	if !t.IsFloat() {
		return nil, fmt.Errorf("%s: %s is of %s, which are no weights without scales: %w", s.name, t.Name, t.DType, arch.ErrWeights)
	}
	return t, nil
}

func (s *dense) matrix(ctx context.Context, e *stream.Engine, name string) (stream.Matrix, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	rows, cols := model.MatrixShape(t.Shape)
	if t.Type != dtype.BF16 || s.metadata != nil {
		return e.NewDense(rows, cols, func(dst []float32, a, _ int) error { return t.ReadFloat32(ctx, dst, a*cols) })
	}
	raw := make([]byte, 64<<10)
	return e.NewDenseBF16(rows, cols, func(dst []uint16, a, _ int) error {
		for at := 2 * int64(a) * int64(cols); len(dst) > 0; {
			part := raw[:min(len(raw), 2*len(dst))]
			if err := t.ReadRaw(ctx, part, at); err != nil {
				return err
			}
			for i := range len(part) / 2 {
				dst[i] = binary.LittleEndian.Uint16(part[2*i:])
			}
			dst, at = dst[len(part)/2:], at+int64(len(part))
		}
		return nil
	})
}

func (s *dense) rows(_ context.Context, _ *stream.Engine, name string) (rows, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	_, cols := model.MatrixShape(t.Shape)
	return storedRows{read: t.ReadFloat32, cols: cols, close: func() error { return nil }}, nil
}

// storedRows are a dense matrix where it is stored.
type storedRows struct {
	read  func(ctx context.Context, dst []float32, off int) error
	cols  int
	close func() error
}

func (r storedRows) Floats(ctx context.Context, dst []float32, a, _ int) error {
	return r.read(ctx, dst, a*r.cols)
}

func (r storedRows) Close() error { return r.close() }

func (s *dense) size(ctx context.Context, name string) (size, error) {
	t, err := s.tensor(name)
	if err != nil {
		return size{}, err
	}
	if t.Type == dtype.BF16 && s.metadata == nil {
		return size{dense: 2 * int64(t.Len())}, nil
	}
	return size{dense: 4 * int64(t.Len())}, nil
}

func (s *dense) vector(ctx context.Context, name string) ([]float32, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	x := make([]float32, t.Len())
	return x, t.ReadFloat32(ctx, x, 0)
}

func (s *dense) same(ctx context.Context, a, b string) (bool, error) {
	x, err := s.tensor(a)
	if err != nil {
		return false, err
	}
	y, err := s.tensor(b)
	if err != nil {
		return false, err
	}
	return checkpoint.Same(ctx, x, y)
}
