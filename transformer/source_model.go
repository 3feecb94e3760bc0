package transformer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se/route"
	"github.com/helix-substrate/helix-substrate/stream"
)

// compressed is a model directory, converted from a Hugging Face checkpoint or,
// with metadata and tensor names of that, from a GGUF file.
type compressed struct {
	described
	m      *model.Model
	done   func() error // with the metadata
	verify cdna.Policy
}

func openCompressed(ctx context.Context, at checkpoint.Location, verify cdna.Policy) (*compressed, error) {
	m, err := at.Model(ctx, verify)
	if err != nil {
		return nil, err
	}
	if err := m.CheckCompanions(ctx); err != nil {
		return nil, err
	}
	f, err := checkpoint.OpenMetadata(ctx, m)
	if err != nil {
		return nil, err
	}
	s := &compressed{m: m, done: func() error { return nil }, verify: verify}
	if f != nil {
		s.metadata, s.done = f, f.Close
	}
	s.described = described{
		name: m.Dir, metadata: s.metadata, read: m.ReadFile,
		there: func(name string) bool {
			_, ok := m.Manifest.Tensors[name]
			return ok
		},
		all: maps.Keys(m.Manifest.Tensors),
	}
	return s, nil
}

func (s *compressed) config(ctx context.Context) (*arch.Config, error) {
	c, err := s.parse(ctx, manifestTensors{ctx, s})
	if err != nil {
		return nil, err
	}
	if head, ok := s.find(arch.HeadName); ok && head.SameAs != "" { // the embeddings once more
		c.TiedHead = true
	}
	return c, nil
}

func (s *compressed) experts() (string, *model.ExpertUse) {
	return s.m.Manifest.Root(), s.m.Manifest.ExpertUse
}

func (s *compressed) close() error { return s.done() }

func (s *compressed) find(name string) (model.Tensor, bool) {
	t, ok := s.m.Manifest.Tensors[s.stored(name)]
	return t, ok
}

// manifestTensors are a model directory's tensors by their GGUF names.
type manifestTensors struct {
	ctx context.Context // of the one call that these are for
	s   *compressed
}

func (t manifestTensors) Shape(name string) ([]int, bool) {
	e, ok := t.s.m.Manifest.Tensors[name]
	if e.Format == model.FormatNPY {
		return e.Shape, ok
	}
	return e.CDNAShape, ok
}

func (t manifestTensors) Values(name string) ([]float32, error) {
	return t.s.array(t.ctx, t.s.m.Manifest.Tensors[name])
}

func (s *compressed) shape(name string) ([]int, bool) {
	t, ok := s.find(name)
	switch {
	case t.Format == model.FormatNPY:
		return t.Shape, ok
	case len(t.OriginalShape) == 1: // stored as a matrix
		return []int{t.CDNAShape[0] * t.CDNAShape[1]}, ok
	}
	return t.CDNAShape, ok
}

// same looks at the files: conversion stores what is the same once.
func (s *compressed) same(_ context.Context, a, b string) (bool, error) {
	x, err := s.tensor(a)
	if err != nil {
		return false, err
	}
	y, err := s.tensor(b)
	return x.File == y.File, err
}

func (s *compressed) tensor(name string) (model.Tensor, error) {
	t, ok := s.find(name)
	if !ok {
		return t, fmt.Errorf("%s: no tensor %s: %w", s.name, name, arch.ErrWeights)
	}
	return t, nil
}

func (s *compressed) matrix(ctx context.Context, e *stream.Engine, name string) (stream.Matrix, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	if err := s.checkRoute(t); err != nil {
		return nil, err
	}
	switch t.Format {
	case model.FormatNPY:
		return s.exact(ctx, e, t)
	case model.FormatLossless:
		return s.lossless(ctx, e, t)
	case model.FormatLattice:
		return s.lattice(ctx, e, t)
	}
	sidecar, err := s.m.OpenSidecar(ctx, t)
	if err != nil {
		return nil, err
	}
	f, err := s.m.OpenMatrix(ctx, t)
	if err != nil {
		return nil, err
	}
	m, err := e.New(f, stream.MatrixOptions{Sidecar: sidecar, Verify: s.verify})
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

func (s *compressed) rows(ctx context.Context, e *stream.Engine, name string) (rows, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	if t.Format != model.FormatNPY {
		return s.matrix(ctx, e, name)
	}
	r, err := s.m.OpenArray(ctx, t)
	if err != nil {
		return nil, err
	}
	_, cols := model.MatrixShape(t.Shape)
	return storedRows{read: r.ReadFloat32, cols: cols, close: r.Close}, nil
}

// checkRoute refuses a matrix that its manifest's decision has computed where this machine
// cannot: only the CPU computes, and stands in for every other backend that is known.
func (s *compressed) checkRoute(t model.Tensor) error {
	if t.Entropy == nil {
		return nil
	}
	if d := route.Machine().Resolve(t.Entropy.Decision); d.Used != route.CPU {
		return fmt.Errorf("%s: tensor %q: no executor for %q: %w", s.m.Path(model.ManifestName), t.Name, d.Wanted, arch.ErrWeights)
	}
	return nil
}

func (s *compressed) size(ctx context.Context, name string) (size, error) {
	t, err := s.tensor(name)
	if err != nil {
		return size{}, err
	}
	switch t.Format {
	case model.FormatNPY:
		rows, cols := model.MatrixShape(t.Shape)
		width := 4
		if wasBF16(t) {
			width = 2
		}
		return size{dense: int64(width) * int64(rows) * int64(cols)}, nil
	case model.FormatLossless:
		f, err := s.m.OpenLossless(ctx, t)
		if err != nil {
			return size{}, err
		}
		return size{file: f, layout: stream.LosslessLayout(f)}, nil
	case model.FormatLattice:
		f, err := s.m.OpenLattice(ctx, t)
		if err != nil {
			return size{}, err
		}
		return size{file: f, layout: stream.LatticeLayout(f)}, nil
	}
	z, err := s.sidecarSize(ctx, t)
	if err != nil {
		return size{}, err
	}
	f, err := s.m.OpenMatrix(ctx, t)
	if err != nil {
		return size{}, err
	}
	z.file, z.layout = f, stream.QuantizedLayout(f)
	return z, nil
}

// sidecarSize returns what a tensor's sidecar holds, by the manifest if that says.
func (s *compressed) sidecarSize(ctx context.Context, t model.Tensor) (size, error) {
	if t.Sidecar == nil {
		return size{}, nil
	}
	if n, bytes := t.Sidecar.Outliers, t.Sidecar.Bytes; n > 0 && bytes > 0 {
		return size{outliers: n, sidecar: bytes}, nil
	}
	f, err := s.m.Open(ctx, t.Sidecar.File)
	if err != nil {
		return size{}, err
	}
	defer f.Close()
	sidecar, err := s.m.OpenSidecar(ctx, t)
	if err != nil {
		return size{}, err
	}
	return size{outliers: len(sidecar.Positions), sidecar: f.Size()}, nil
}

// lossless opens a matrix that is compressed without loss.
func (s *compressed) lossless(ctx context.Context, e *stream.Engine, t model.Tensor) (stream.Matrix, error) {
	f, err := s.m.OpenLossless(ctx, t)
	if err != nil {
		return nil, err
	}
	m, err := e.NewLossless(f, s.verify)
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// lattice opens a matrix of integers and scales.
func (s *compressed) lattice(ctx context.Context, e *stream.Engine, t model.Tensor) (stream.Matrix, error) {
	f, err := s.m.OpenLattice(ctx, t)
	if err != nil {
		return nil, err
	}
	m, err := e.NewLattice(f, stream.MatrixOptions{Verify: s.verify})
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// wasBF16 tells that a tensor's values, which conversion stores as float32, were bfloat16.
func wasBF16(t model.Tensor) bool { return t.SourceDType == string(dtype.BF16) }

// exact reads a matrix that conversion kept as it was: what was bfloat16 is that in memory too, which gives the same products from
// half of the bytes.
func (s *compressed) exact(ctx context.Context, e *stream.Engine, t model.Tensor) (stream.Matrix, error) {
	r, err := s.m.OpenArray(ctx, t)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rows, cols := model.MatrixShape(t.Shape)
	if wasBF16(t) {
		m, err := e.NewDenseBF16(rows, cols, func(dst []uint16, a, _ int) error { return readBF16(ctx, dst, r, a*cols) })
		if !errors.Is(err, errNotBF16) {
			return m, err
		}
	}
	return e.NewDense(rows, cols, func(dst []float32, a, _ int) error { return r.ReadFloat32(ctx, dst, a*cols) })
}

// errNotBF16 reports values that bfloat16 does not have.
var errNotBF16 = errors.New("values that are no bfloat16")

// readBF16 reads values of an array from one on; errNotBF16 if one of them is none. Those of an array by columns are read all at once.
func readBF16(ctx context.Context, dst []uint16, r *model.Array, from int) error {
	step := len(dst)
	if r.RowMajor() {
		step = min(step, 4<<10)
	}
	some := make([]float32, step)
	for len(dst) > 0 {
		part := some[:min(len(some), len(dst))]
		if err := r.ReadFloat32(ctx, part, from); err != nil {
			return err
		}
		for i, v := range part {
			b := math.Float32bits(v)
			if b&0xffff != 0 {
				return errNotBF16
			}
			dst[i] = uint16(b >> 16)
		}
		dst, from = dst[len(part):], from+len(part)
	}
	return nil
}

func (s *compressed) vector(ctx context.Context, name string) ([]float32, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	switch t.Format {
	case model.FormatNPY:
		return s.array(ctx, t)
	case model.FormatLossless:
		f, err := s.m.OpenLossless(ctx, t)
		if err != nil {
			return nil, err
		}
		return decodeVector(&f.Blocks, s.verify, func(x []float32, v *cdna.Verifier) error { return f.ReadFloat32(ctx, x, 0, v) })
	case model.FormatLattice:
		f, err := s.m.OpenLattice(ctx, t)
		if err != nil {
			return nil, err
		}
		return decodeVector(&f.Blocks, s.verify, func(x []float32, v *cdna.Verifier) error { return f.ReadFloat32(ctx, x, 0, v) })
	}
	f, err := s.m.OpenMatrix(ctx, t)
	if err != nil {
		return nil, err
	}
	return decodeVector(&f.Blocks, s.verify, func(x []float32, v *cdna.Verifier) error { return f.ReadFloat32(ctx, x, 0, nil, v) })
}

// array reads an exact tensor.
func (s *compressed) array(ctx context.Context, t model.Tensor) ([]float32, error) {
	r, err := s.m.OpenArray(ctx, t)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]float32, r.Len())
	return x, r.ReadFloat32(ctx, x, 0)
}

// checkVector refuses a matrix that is too large for a vector.
func checkVector(f *cdna.Blocks) error {
	const most = 1 << 24
	if f.Rows() > most/f.Cols() {
		return fmt.Errorf("%s: [%d, %d] is no vector: %w", f.Name(), f.Rows(), f.Cols(), arch.ErrWeights)
	}
	return nil
}

// decodeVector expands a compressed tensor that is used as a vector by read, and closes its file.
func decodeVector(f *cdna.Blocks, verify cdna.Policy, read func(x []float32, v *cdna.Verifier) error) ([]float32, error) {
	defer f.Close()
	if err := checkVector(f); err != nil {
		return nil, err
	}
	x := make([]float32, f.Rows()*f.Cols())
	return x, read(x, cdna.NewVerifier(verify, f.NumBlocks(), 0))
}
