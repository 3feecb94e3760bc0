package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/source"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se"
)

// namedMatrix is a matrix that se measures.
type namedMatrix struct {
	se.RowSource
	name      string
	shape     []int
	itemBytes float64 // a weight's size at the source
	// sum returns the SHA-256 of what is measured: a compressed matrix's fingerprint, a
	// tensor's bytes, or a file; sidecar is the outliers' file, if there is one.
	sum     func(ctx context.Context) (string, error)
	sidecar string
}

// fingerprint is a namedMatrix's sum of a compressed file.
func fingerprint(f interface{ Fingerprint() (string, error) }) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return f.Fingerprint() }
}

// sums returns the hashes of the matrix and of its sidecar, "" without one.
func (m *namedMatrix) sums(ctx context.Context) (matrix, sidecar string, err error) {
	if matrix, err = m.sum(ctx); err == nil && m.sidecar != "" {
		sidecar, _, err = model.HashFile(ctx, m.sidecar)
	}
	return matrix, sidecar, err
}

// openMatrices opens the matrices of whatever path is; done closes them.
func openMatrices(env *environment, path, sidecar string) (matrices []namedMatrix, done func(), err error) {
	var closers []func() error
	closeAll := func() {
		for _, c := range closers {
			c()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	info, statErr := os.Stat(path)
	switch {
	case statErr == nil && info.IsDir():
		if model.IsModel(path) {
			matrices, closers, err = modelMatrices(path)
			return matrices, closeAll, err
		}
	case statErr == nil:
		kind, err := cdna.DetectFile(path)
		if err != nil {
			return nil, nil, err
		}
		if kind != cdna.KindUnknown {
			m, closer, err := fileMatrix(env.ctx, path, sidecar, kind)
			if err != nil {
				return nil, nil, err
			}
			closers = append(closers, closer)
			return []namedMatrix{m}, closeAll, nil
		}
	}
	if sidecar != "" {
		return nil, nil, usageError("--sidecar goes with a CDNA file")
	}
	src, err := source.Open(env.ctx, path, source.Options{})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, src.Close)
	for _, t := range src.Tensors() {
		if !t.IsFloat() || len(t.Shape) < 2 && len(src.Tensors()) > 1 {
			continue
		}
		rows, cols := se.Unfold(t.Shape)
		matrices = append(matrices, namedMatrix{convert.Rows(t, rows, cols), t.Name, t.Shape, float64(t.Size) / float64(max(1, t.Len())), t.SHA256, ""})
	}
	return matrices, closeAll, nil
}

// modelMatrices opens the matrices of a model directory.
func modelMatrices(dir string) (matrices []namedMatrix, closers []func() error, err error) {
	m, err := model.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range m.Tensors() {
		if t.SameAs != "" {
			continue
		}
		n := namedMatrix{name: t.Name, shape: t.OriginalShape}
		switch t.Format {
		case model.FormatCDNA2:
			f, err := m.OpenMatrix(t)
			if err != nil {
				return nil, closers, err
			}
			closers = append(closers, f.Close)
			var s *cdna.Sidecar
			if t.Sidecar != nil {
				if s, err = m.OpenSidecar(t); err != nil {
					return nil, closers, err
				}
				n.sidecar = m.Path(t.Sidecar.File)
			}
			n.sum = fingerprint(f)
			if n.RowSource, err = se.NewCompressed(f, s); err != nil {
				return nil, closers, err
			}
		case model.FormatLossless:
			f, err := m.OpenLossless(t)
			if err != nil {
				return nil, closers, err
			}
			closers = append(closers, f.Close)
			n.RowSource, n.sum = losslessRows{f}, fingerprint(f)
		default:
			if len(t.Shape) < 2 {
				continue
			}
			r, err := m.OpenArray(t)
			if err != nil {
				return nil, closers, err
			}
			closers = append(closers, r.Close)
			rows, cols := se.Unfold(t.Shape)
			n.shape, n.RowSource = t.Shape, convert.Rows(r, rows, cols)
			n.sum = func(ctx context.Context) (string, error) {
				sum, _, err := m.Hash(ctx, t.File)
				return sum, err
			}
		}
		if t.Format != model.FormatNPY && len(n.shape) > 2 {
			if n.RowSource, err = se.Unfolded(n.RowSource, n.shape); err != nil {
				return nil, closers, fmt.Errorf("tensor %q: %w", t.Name, err)
			}
		}
		n.itemBytes = float64(t.OriginalBytes) / max(1, float64(n.Rows())*float64(n.Cols()))
		if n.itemBytes == 0 {
			n.itemBytes = 4
		}
		matrices = append(matrices, n)
	}
	return matrices, closers, nil
}

// fileMatrix opens the matrix of one file.
func fileMatrix(ctx context.Context, path, sidecar string, kind cdna.Kind) (n namedMatrix, closer func() error, err error) {
	switch kind {
	case cdna.KindSidecar:
		return n, nil, fmt.Errorf("%s: a sidecar alone is no matrix: %w", path, errors.ErrUnsupported)
	case cdna.KindLossless:
		f, err := cdna.OpenLossless(path)
		if err != nil {
			return n, nil, err
		}
		return namedMatrix{losslessRows{f}, f.Header().TensorName, []int{f.Rows(), f.Cols()}, float64(f.DType().Size()), fingerprint(f), ""}, f.Close, nil
	}
	f, err := openCDNA(ctx, path)
	if err != nil {
		return n, nil, err
	}
	var s *cdna.Sidecar
	if sidecar != "" {
		if s, err = cdna.OpenSidecar(sidecar); err != nil {
			f.Close()
			return n, nil, err
		}
	}
	c, err := se.NewCompressed(f, s)
	if err != nil {
		f.Close()
		return n, nil, err
	}
	return namedMatrix{c, f.Header().TensorName, []int{f.Rows(), f.Cols()}, 4, fingerprint(f), sidecar}, f.Close, nil
}

// losslessRows is a lossless file's matrix.
type losslessRows struct{ *cdna.Lossless }

// ReadRows unpacks rows [a, b) as float32.
func (l losslessRows) ReadRows(dst []float32, a, b int) error {
	return l.ReadFloat32(dst[:(b-a)*l.Cols()], a*l.Cols(), nil)
}
