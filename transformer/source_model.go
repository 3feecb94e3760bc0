package transformer

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se"
	"github.com/helix-substrate/helix-substrate/stream"
)

// compressed is a model directory, converted from a Hugging Face checkpoint or,
// with metadata and tensor names of that, from a GGUF file.
type compressed struct {
	m         *model.Model
	metadata  *gguf.File // nil: config.json says it all
	postNorms bool
	machine   se.Registry // where matrices can be computed
	verify    cdna.Policy
}

func openCompressed(path string, verify cdna.Policy) (*compressed, error) {
	open := model.Open
	if verify == cdna.Off {
		open = model.OpenUnverified
	}
	m, err := open(path)
	if err != nil {
		return nil, err
	}
	if err := m.CheckCompanions(); err != nil {
		return nil, err
	}
	s := &compressed{m: m, machine: se.Machine(), verify: verify}
	s.metadata, err = m.OpenMetadata()
	return s, err
}

func (s *compressed) config() (*Config, error) {
	c, err := s.readConfig()
	if err != nil {
		return nil, err
	}
	if head, ok := s.find(headName); ok && head.SameAs != "" { // the embeddings once more
		c.TiedHead = true
	}
	return c, nil
}

func (s *compressed) readConfig() (*Config, error) {
	if s.metadata == nil {
		text, err := s.m.ReadFile("config.json", maxConfig)
		if err != nil {
			return nil, err
		}
		return parseConfigOf(s.m.Dir, text)
	}
	c, err := parseGGUF(s.metadata, manifestTensors{s})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.metadata.Name(), err)
	}
	s.postNorms = c.PostNorms
	return c, nil
}

func (s *compressed) close() error {
	if s.metadata == nil {
		return nil
	}
	return s.metadata.Close()
}

func (s *compressed) find(name string) (model.Tensor, bool) {
	tensors := s.m.Manifest.Tensors
	if s.metadata != nil {
		t, ok := tensors[GGUFName(name, s.postNorms)]
		return t, ok
	}
	t, ok := tensors[Wrapped(name, func(n string) bool {
		_, ok := tensors[n]
		return ok
	})]
	return t, ok
}

// manifestTensors are a model directory's tensors by their GGUF names.
type manifestTensors struct{ s *compressed }

func (t manifestTensors) shape(name string) ([]int, bool) {
	e, ok := t.s.m.Manifest.Tensors[name]
	if e.Format == model.FormatNPY {
		return e.Shape, ok
	}
	return e.CDNAShape, ok
}

func (t manifestTensors) values(name string) ([]float32, error) {
	return t.s.array(t.s.m.Manifest.Tensors[name])
}

func (s *compressed) has(name string) bool {
	_, ok := s.find(name)
	return ok
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
		return t, fmt.Errorf("%s: no tensor %s: %w", s.m.Dir, name, ErrWeights)
	}
	return t, nil
}

func (s *compressed) matrix(e *stream.Engine, name string) (Projection, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	route, err := s.route(t)
	if err != nil {
		return nil, err
	}
	switch t.Format {
	case model.FormatNPY:
		return s.exact(e, t)
	case model.FormatLossless:
		return s.lossless(e, t)
	}
	sidecar, err := s.m.OpenSidecar(t)
	if err != nil {
		return nil, err
	}
	path, err := s.m.MatrixPath(t)
	if err != nil {
		return nil, err
	}
	m, err := e.Open(path, stream.MatrixOptions{Sidecar: sidecar, Route: route, Verify: s.verify})
	if err != nil {
		return nil, err
	}
	if err := s.m.CheckHead(t, &m.File().Blocks); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// route says where the machine computes a matrix, by its manifest's decision and what
// is available; nil if nothing was measured. Only the CPU computes.
func (s *compressed) route(t model.Tensor) (*se.Decision, error) {
	if t.Entropy == nil {
		return nil, nil
	}
	d := s.machine.Resolve(t.Entropy.Decision)
	if d.Used != se.CPU {
		return nil, fmt.Errorf("%s: tensor %q: no executor for %q: %w", s.m.Path(model.ManifestName), t.Name, d.Wanted, ErrWeights)
	}
	return &d, nil
}

func (s *compressed) size(name string) (size, error) {
	t, err := s.tensor(name)
	if err != nil {
		return size{}, err
	}
	if t.Format == model.FormatNPY {
		rows, cols := model.MatrixShape(t.Shape)
		return size{dense: 4 * int64(rows) * int64(cols)}, nil
	}
	if t.Format == model.FormatLossless {
		f, err := s.m.OpenLossless(t)
		if err != nil {
			return size{}, err
		}
		return size{file: f}, nil
	}
	z, err := s.sidecarSize(t)
	if err != nil {
		return size{}, err
	}
	f, err := s.m.OpenMatrix(t)
	if err != nil {
		return size{}, err
	}
	z.file = f
	return z, nil
}

// sidecarSize returns what a tensor's sidecar holds, by the manifest if that says.
func (s *compressed) sidecarSize(t model.Tensor) (size, error) {
	if t.Sidecar == nil {
		return size{}, nil
	}
	if n, bytes := t.Sidecar.Outliers, t.Sidecar.Bytes; n > 0 && bytes > 0 {
		return size{outliers: n, sidecar: bytes}, nil
	}
	f, err := s.m.OpenFile(t.Sidecar.File)
	if err != nil {
		return size{}, err
	}
	defer f.Close()
	sidecar, err := s.m.OpenSidecar(t)
	if err != nil {
		return size{}, err
	}
	return size{outliers: len(sidecar.Positions), sidecar: f.Size()}, nil
}

// lossless opens a matrix that is compressed without loss.
func (s *compressed) lossless(e *stream.Engine, t model.Tensor) (Projection, error) {
	path, err := s.m.MatrixPath(t)
	if err != nil {
		return nil, err
	}
	m, err := e.OpenLossless(path, s.verify)
	if err != nil {
		return nil, err
	}
	if err := s.m.CheckHead(t, &m.File().Blocks); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// exact reads a matrix that conversion kept as it was.
func (s *compressed) exact(e *stream.Engine, t model.Tensor) (Projection, error) {
	r, err := s.m.OpenArray(t)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rows, cols := model.MatrixShape(t.Shape)
	return e.NewDense(rows, cols, func(dst []float32, a, _ int) error { return r.ReadFloat32(dst, a*cols) })
}

func (s *compressed) vector(name string) ([]float32, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	if t.Format == model.FormatNPY {
		return s.array(t)
	}
	if t.Format == model.FormatLossless {
		f, err := s.m.OpenLossless(t)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := checkVector(f); err != nil {
			return nil, err
		}
		x := make([]float32, f.Rows()*f.Cols())
		return x, f.ReadFloat32(x, 0, cdna.NewVerifier(s.verify, f.NumBlocks(), 0))
	}
	f, err := s.m.OpenMatrix(t)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return decodeVector(f, cdna.NewVerifier(s.verify, f.NumBlocks(), 0))
}

// array reads an exact tensor.
func (s *compressed) array(t model.Tensor) ([]float32, error) {
	r, err := s.m.OpenArray(t)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]float32, r.Len())
	return x, r.ReadFloat32(x, 0)
}

// checkVector refuses a matrix that is too large for a vector.
func checkVector(f stream.File) error {
	const most = 1 << 24
	if f.Rows() > most/f.Cols() {
		return fmt.Errorf("%s: [%d, %d] is no vector: %w", f.Name(), f.Rows(), f.Cols(), ErrWeights)
	}
	return nil
}

// decodeVector expands a compressed tensor that is used as a vector.
func decodeVector(f *cdna.File, v *cdna.Verifier) ([]float32, error) {
	if err := checkVector(f); err != nil {
		return nil, err
	}
	indices := make([]byte, f.Rows()*f.Cols())
	if err := f.ReadRows(indices, 0, f.Rows(), v); err != nil {
		return nil, err
	}
	values, x := f.Codebook(), make([]float32, len(indices))
	for i, index := range indices {
		x[i] = values[index]
	}
	return x, nil
}
