package model

import (
	"fmt"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// Model is an open model directory. It holds the manifest; tensors are opened
// one by one. It is safe for concurrent use.
type Model struct {
	Dir      string
	Manifest *Manifest
}

// Open reads the manifest of the model directory dir. Errors: ErrNotModel,
// ErrManifest.
func Open(dir string) (*Model, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	return &Model{Dir: dir, Manifest: m}, nil
}

// Tensors returns the tensors sorted by name.
func (m *Model) Tensors() []Tensor { return m.Manifest.sorted() }

// Path returns the path of a file that the manifest names.
func (m *Model) Path(file string) string {
	return filepath.Join(m.Dir, filepath.FromSlash(file))
}

// OpenMatrix opens the CDNA file of a compressed tensor and checks that it has the
// manifest's shape. The caller closes it.
func (m *Model) OpenMatrix(t Tensor) (*cdna.File, error) {
	if t.Format != FormatCDNA2 {
		return nil, fmt.Errorf("tensor %q is stored as %s, not as %s: %w", t.Name, t.Format, FormatCDNA2, ErrMismatch)
	}
	f, err := cdna.Open(m.Path(t.File))
	if err != nil {
		return nil, err
	}
	if f.Rows() != t.CDNAShape[0] || f.Cols() != t.CDNAShape[1] {
		defer f.Close()
		return nil, fmt.Errorf("%s: is [%d, %d], the manifest says %v: %w", f.Name(), f.Rows(), f.Cols(), t.CDNAShape, ErrMismatch)
	}
	return f, nil
}

// OpenLossless opens the file of a lossless tensor and checks that it has the
// manifest's shape and type. The caller closes it.
func (m *Model) OpenLossless(t Tensor) (*cdna.Lossless, error) {
	if t.Format != FormatLossless {
		return nil, fmt.Errorf("tensor %q is stored as %s, not as %s: %w", t.Name, t.Format, FormatLossless, ErrMismatch)
	}
	f, err := cdna.OpenLossless(m.Path(t.File))
	if err != nil {
		return nil, err
	}
	if f.Rows() != t.CDNAShape[0] || f.Cols() != t.CDNAShape[1] || string(f.DType()) != t.DType {
		defer f.Close()
		return nil, fmt.Errorf("%s: is [%d, %d] of %s, the manifest says %v of %s: %w", f.Name(), f.Rows(), f.Cols(), f.DType(), t.CDNAShape, t.DType, ErrMismatch)
	}
	return f, nil
}

// OpenSidecar reads a tensor's outliers; nil without error when it has none.
func (m *Model) OpenSidecar(t Tensor) (*cdna.Sidecar, error) {
	if t.Sidecar == nil {
		return nil, nil
	}
	s, err := cdna.OpenSidecar(m.Path(t.Sidecar.File))
	if err != nil {
		return nil, err
	}
	if s.Header.Rows != t.CDNAShape[0] || s.Header.Cols != t.CDNAShape[1] || s.Stray() > 0 {
		return nil, fmt.Errorf("%s: is for [%d, %d], the manifest says %v: %w", m.Path(t.Sidecar.File), s.Header.Rows, s.Header.Cols, t.CDNAShape, ErrMismatch)
	}
	return s, nil
}
