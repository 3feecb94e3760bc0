package transformer

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/dtype"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// dense is a checkpoint of any kind, run as it is: a Hugging Face directory, whose
// config.json says what it is, or a GGUF file, whose metadata do. Quantized weights are read
// as what they stand for.
type dense struct {
	file      *checkpoint.Checkpoint
	tensors   map[string]*checkpoint.Tensor
	postNorms bool
}

func openDense(path string) (*dense, error) {
	c, err := checkpoint.Open(path)
	if err != nil {
		return nil, err
	}
	s := &dense{file: c, tensors: map[string]*checkpoint.Tensor{}}
	for _, t := range c.Tensors() {
		s.tensors[t.Name] = t
	}
	return s, nil
}

func (s *dense) close() error { return s.file.Close() }

func (s *dense) config() (*Config, error) {
	if s.file.GGUF() == nil {
		text, err := s.file.ReadFile("config.json", maxConfig)
		if err != nil {
			return nil, err
		}
		return parseConfigOf(s.file.Name(), text)
	}
	c, err := parseGGUF(s.file.GGUF(), denseTensors{s})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.file.GGUF().Name(), err)
	}
	s.postNorms = c.PostNorms
	return c, nil
}

// denseTensors are a GGUF file's tensors by their own names.
type denseTensors struct{ s *dense }

func (t denseTensors) shape(name string) ([]int, bool) {
	e, ok := t.s.tensors[name]
	if !ok {
		return nil, false
	}
	return e.Shape, true
}

func (t denseTensors) values(name string) ([]float32, error) {
	e, ok := t.s.tensors[name]
	if !ok || e.Len() > 1<<16 {
		return nil, fmt.Errorf("%s is no small tensor: %w", name, ErrWeights)
	}
	x := make([]float32, e.Len())
	return x, e.ReadFloat32(x, 0)
}

// stored is what the checkpoint calls a tensor.
func (s *dense) stored(name string) string {
	if s.file.GGUF() != nil {
		return GGUFName(name, s.postNorms)
	}
	return Wrapped(name, func(n string) bool { return s.tensors[n] != nil })
}

func (s *dense) has(name string) bool { return s.tensors[s.stored(name)] != nil }

func (s *dense) shape(name string) ([]int, bool) { return denseTensors{s}.shape(s.stored(name)) }

// tensor finds one that holds weights: integers that nothing explains are none.
func (s *dense) tensor(name string) (*checkpoint.Tensor, error) {
	t := s.tensors[s.stored(name)]
	if t == nil {
		return nil, fmt.Errorf("%s: no tensor %s (%s): %w", s.file.Name(), s.stored(name), name, ErrWeights)
	}
	if !t.IsFloat() {
		return nil, fmt.Errorf("%s: %s is of %s, which are no weights without scales: %w", s.file.Name(), t.Name, t.DType, ErrWeights)
	}
	return t, nil
}

func (s *dense) matrix(e *stream.Engine, name string) (Projection, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	rows, cols := model.MatrixShape(t.Shape)
	if t.Type != dtype.BF16 || s.file.GGUF() != nil {
		return e.NewDense(rows, cols, func(dst []float32, a, _ int) error { return t.ReadFloat32(dst, a*cols) })
	}
	raw := make([]byte, 64<<10)
	return e.NewDenseBF16(rows, cols, func(dst []uint16, a, _ int) error {
		for at := 2 * int64(a) * int64(cols); len(dst) > 0; {
			part := raw[:min(len(raw), 2*len(dst))]
			if err := t.ReadRaw(part, at); err != nil {
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

func (s *dense) size(name string) (size, error) {
	t, err := s.tensor(name)
	if err != nil {
		return size{}, err
	}
	if t.Type == dtype.BF16 && s.file.GGUF() == nil {
		return size{dense: 2 * int64(t.Len())}, nil
	}
	return size{dense: 4 * int64(t.Len())}, nil
}

func (s *dense) vector(name string) ([]float32, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	x := make([]float32, t.Len())
	return x, t.ReadFloat32(x, 0)
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
