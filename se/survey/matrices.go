package survey

import (
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se"
)

// namedMatrix is a matrix to measure.
type namedMatrix struct {
	matrix.Source
	name      string
	shape     []int
	itemBytes float64 // a weight's size at the source
	// sum returns the SHA-256 of what is measured: a compressed matrix's fingerprint, a
	// tensor's bytes, or a file; sidecar is the outliers' file, if there is one.
	sum     func(ctx context.Context) (string, error)
	sidecar string
}

// weights is how many the matrix has.
func (m *namedMatrix) weights() int64 { return int64(m.Rows()) * int64(m.Cols()) }

// sums returns the hashes of the matrix and of its sidecar, "" without one.
func (m *namedMatrix) sums(ctx context.Context) (matrix, sidecar string, err error) {
	if matrix, err = m.sum(ctx); err == nil && m.sidecar != "" {
		sidecar, _, err = model.HashFile(ctx, m.sidecar)
	}
	return matrix, sidecar, err
}

// openMatrices opens the matrices of whatever path is; done closes them. note is what is to be
// known of it.
func openMatrices(ctx context.Context, path, sidecar string) (matrices []namedMatrix, note string, done func(), err error) {
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
	kind, err := checkpoint.Identify(path)
	if err != nil {
		return nil, "", nil, err
	}
	switch kind {
	case checkpoint.Converted:
		matrices, closers, err = modelMatrices(ctx, path)
		return matrices, "", closeAll, err
	case checkpoint.Matrix, checkpoint.Lossless, checkpoint.Lattice, checkpoint.Outliers:
		m, closer, err := fileMatrix(ctx, path, sidecar, kind)
		if err != nil {
			return nil, "", nil, err
		}
		closers = append(closers, closer)
		return []namedMatrix{m}, "", closeAll, nil
	}
	if sidecar != "" {
		return nil, "", nil, fmt.Errorf("%s: %w", sidecar, ErrSidecar)
	}
	src, err := checkpoint.OpenSource(ctx, path, checkpoint.Options{})
	if err != nil {
		return nil, "", nil, err
	}
	closers = append(closers, src.Close)
	if note, err = src.Rounding(ctx); err != nil {
		return nil, "", nil, err
	}
	for _, t := range src.Tensors() {
		if !t.IsFloat() || len(t.Shape) < 2 && len(src.Tensors()) > 1 {
			continue
		}
		rows, cols := se.Unfold(t.Shape)
		matrices = append(matrices, namedMatrix{matrix.Of(t, rows, cols), t.Name, t.Shape, float64(t.Size) / float64(max(1, t.Len())), t.SHA256, ""})
	}
	return matrices, note, closeAll, nil
}

// modelMatrices opens the matrices of a model directory.
func modelMatrices(ctx context.Context, dir string) (matrices []namedMatrix, closers []func() error, err error) {
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
			f, err := m.OpenMatrix(ctx, t)
			if err != nil {
				return nil, closers, err
			}
			closers = append(closers, f.Close)
			var s *cdna.Sidecar
			if t.Sidecar != nil {
				if s, err = m.OpenSidecar(ctx, t); err != nil {
					return nil, closers, err
				}
				n.sidecar = m.Path(t.Sidecar.File)
			}
			n.sum = f.Fingerprint
			if n.Source, err = compressed(f, s); err != nil {
				return nil, closers, err
			}
		case model.FormatLossless:
			f, err := m.OpenLossless(ctx, t)
			if err != nil {
				return nil, closers, err
			}
			closers = append(closers, f.Close)
			n.Source, n.sum = f.Weights(nil), f.Fingerprint
		case model.FormatLattice:
			f, err := m.OpenLattice(ctx, t)
			if err != nil {
				return nil, closers, err
			}
			closers = append(closers, f.Close)
			n.Source, n.sum = f.Weights(cdna.NewVerifier(cdna.TrustCached, f.NumBlocks(), 0)), f.Fingerprint
		default:
			if len(t.Shape) < 2 {
				continue
			}
			r, err := m.OpenArray(ctx, t)
			if err != nil {
				return nil, closers, err
			}
			closers = append(closers, r.Close)
			rows, cols := se.Unfold(t.Shape)
			n.shape, n.Source = t.Shape, matrix.Of(r, rows, cols)
			n.sum = func(ctx context.Context) (string, error) {
				sum, _, err := m.Hash(ctx, t.File)
				return sum, err
			}
		}
		if t.Format != model.FormatNPY && len(n.shape) > 2 {
			if n.Source, err = se.Unfolded(n.Source, n.shape); err != nil {
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
func fileMatrix(ctx context.Context, path, sidecar string, kind checkpoint.Kind) (n namedMatrix, closer func() error, err error) {
	if sidecar != "" && kind != checkpoint.Matrix {
		return n, nil, fmt.Errorf("%s: %w", sidecar, ErrSidecar)
	}
	switch kind {
	case checkpoint.Outliers:
		return n, nil, fmt.Errorf("%s: a sidecar alone is no matrix: %w", path, errors.ErrUnsupported)
	case checkpoint.Lossless:
		f, err := cdna.OpenLossless(path)
		if err != nil {
			return n, nil, err
		}
		return namedMatrix{f.Weights(nil), f.Header().TensorName, []int{f.Rows(), f.Cols()}, float64(f.DType().Size()), f.Fingerprint, ""}, f.Close, nil
	case checkpoint.Lattice:
		f, err := cdna.OpenLattice(path)
		if err != nil {
			return n, nil, err
		}
		w := f.Weights(cdna.NewVerifier(cdna.TrustCached, f.NumBlocks(), 0))
		return namedMatrix{w, f.Header().TensorName, []int{f.Rows(), f.Cols()}, 4, f.Fingerprint, ""}, f.Close, nil
	}
	f, err := cdna.OpenContext(ctx, path)
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
	c, err := compressed(f, s)
	if err != nil {
		f.Close()
		return n, nil, err
	}
	return namedMatrix{c, f.Header().TensorName, []int{f.Rows(), f.Cols()}, 4, f.Fingerprint, sidecar}, f.Close, nil
}

// compressed is the matrix in f with the outliers of s, if it is not nil. Each block is checked
// the first time.
func compressed(f *cdna.File, s *cdna.Sidecar) (matrix.Source, error) {
	return f.Weights(s, cdna.NewVerifier(cdna.TrustCached, f.NumBlocks(), 0))
}
