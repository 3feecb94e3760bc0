package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// Model is an open model directory. It holds the manifest; tensors and files are opened
// one by one, and checked against the manifest's hashes as they are. It is safe for
// concurrent use.
type Model struct {
	Dir      string
	Manifest *Manifest

	place   place
	files   map[string]File // of the manifest, by name
	checked bool            // hashes are compared
}

// IsModel tells a model directory, which has a manifest, from all else.
func IsModel(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ManifestName))
	return err == nil
}

// Open reads the manifest of the model directory dir and compares its root. Errors:
// ErrNotModel, ErrManifest, ErrMismatch, ErrOutside.
func Open(dir string) (*Model, error) {
	m, err := OpenUnverified(dir)
	if err != nil {
		return nil, err
	}
	m.checked = true
	return m, m.checkRoot()
}

// OpenUnverified is Open for those who want no hash of the directory's own files compared,
// neither the manifest's nor, later, that of any other file but a matrix's blocks. Errors:
// ErrNotModel, ErrManifest, ErrOutside.
func OpenUnverified(dir string) (*Model, error) {
	where, err := newPlace(dir)
	if err != nil {
		return nil, err
	}
	m := &Model{Dir: dir, place: where, files: map[string]File{}}
	text, err := m.readManifest()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no %s in it: %w", dir, ManifestName, ErrNotModel)
	} else if err != nil {
		return nil, err
	}
	if m.Manifest, err = parseManifest(text); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path(ManifestName), err)
	}
	for _, f := range m.Manifest.AllFiles() {
		m.files[f.File] = f
	}
	return m, nil
}

// maxManifest bounds manifest.json: a million tensors would fit.
const maxManifest = 1 << 30

// readManifest returns the text of the manifest.
func (m *Model) readManifest() ([]byte, error) {
	path, err := m.place.resolve(ManifestName)
	if err != nil {
		return nil, err
	}
	return regularfile.ReadAll(path, maxManifest)
}

// Verified tells whether hashes are compared: see OpenUnverified.
func (m *Model) Verified() bool { return m.checked }

// Tensors returns the tensors sorted by name.
func (m *Model) Tensors() []Tensor { return m.Manifest.sorted() }

// Path returns the path of a file that the manifest names, for messages: files are opened
// by OpenFile and the like, which check where it leads.
func (m *Model) Path(file string) string {
	return filepath.Join(m.Dir, filepath.FromSlash(file))
}

// MatrixPath returns where a compressed tensor's file lies, for those who open it
// themselves and then ask CheckHead. Errors: ErrMissing, ErrOutside.
func (m *Model) MatrixPath(t Tensor) (string, error) {
	path, err := m.place.resolve(t.File)
	return path, m.missing(t.File, err)
}

// CheckHead compares an open file of a compressed tensor with the manifest: its shape, and
// the hash of its head, which has those of its blocks; their packed bytes will be compared
// when they are read. Errors are ErrMismatch, and cdna.ErrChecksum for sums of other blocks.
func (m *Model) CheckHead(t Tensor, f *cdna.Blocks) error {
	if f.Rows() != t.CDNAShape[0] || f.Cols() != t.CDNAShape[1] {
		return fmt.Errorf("%s: is [%d, %d], the manifest says %v: %w", m.Path(t.File), f.Rows(), f.Cols(), t.CDNAShape, ErrMismatch)
	}
	if t.Format == FormatLossless && string(f.Header().DType) != t.DType {
		return fmt.Errorf("%s: is of %s, the manifest says %s: %w", m.Path(t.File), f.Header().DType, t.DType, ErrMismatch)
	}
	if m.checked && f.HeadSHA256() == "" && t.SHA256 != "" { // version 1 has no head
		sum, _, err := m.Hash(context.Background(), t.File)
		if err != nil {
			return err
		}
		return m.compare(t.File, sum, t.SHA256)
	}
	if got := f.HeadSHA256(); m.checked && t.HeadSHA256 != "" && got != t.HeadSHA256 {
		return fmt.Errorf("%s: the head's sha256 is %q, the manifest says %s: %w", m.Path(t.File), got, t.HeadSHA256, ErrMismatch)
	}
	if m.checked && t.BlockCRC32C != "" {
		return f.ExpectPacked(t.BlockCRC32C)
	}
	return nil
}

// OpenMatrix opens the CDNA file of a compressed tensor and checks its head. The caller
// closes it.
func (m *Model) OpenMatrix(t Tensor) (*cdna.File, error) {
	if t.Format != FormatCDNA2 {
		return nil, fmt.Errorf("tensor %q is stored as %s, not as %s: %w", t.Name, t.Format, FormatCDNA2, ErrMismatch)
	}
	path, err := m.MatrixPath(t)
	if err != nil {
		return nil, err
	}
	f, err := cdna.Open(path)
	if err != nil {
		return nil, err
	}
	if err := m.CheckHead(t, &f.Blocks); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// OpenLossless opens the file of a lossless tensor and checks its head. The caller closes
// it.
func (m *Model) OpenLossless(t Tensor) (*cdna.Lossless, error) {
	if t.Format != FormatLossless {
		return nil, fmt.Errorf("tensor %q is stored as %s, not as %s: %w", t.Name, t.Format, FormatLossless, ErrMismatch)
	}
	path, err := m.MatrixPath(t)
	if err != nil {
		return nil, err
	}
	f, err := cdna.OpenLossless(path)
	if err != nil {
		return nil, err
	}
	if err := m.CheckHead(t, &f.Blocks); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// OpenSidecar reads a tensor's outliers and checks them; nil without error when it has
// none.
func (m *Model) OpenSidecar(t Tensor) (*cdna.Sidecar, error) {
	if t.Sidecar == nil {
		return nil, nil
	}
	f, err := m.OpenFile(t.Sidecar.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := cdna.ReadSidecar(f, f.Size(), m.Path(t.Sidecar.File))
	if err != nil {
		return nil, err
	}
	if s.Header.Rows != t.CDNAShape[0] || s.Header.Cols != t.CDNAShape[1] || s.Stray() > 0 {
		return nil, fmt.Errorf("%s: is for [%d, %d], the manifest says %v: %w", m.Path(t.Sidecar.File), s.Header.Rows, s.Header.Cols, t.CDNAShape, ErrMismatch)
	}
	if n := t.Sidecar.Outliers; n > 0 && n != len(s.Positions) {
		return nil, fmt.Errorf("%s: %d outliers, the manifest says %d: %w", m.Path(t.Sidecar.File), len(s.Positions), n, ErrMismatch)
	}
	return s, nil
}

// OpenMetadata opens the metadata of the GGUF file that the model was converted from; nil
// without error if it was converted from something else. The caller closes it, after the
// last value was asked for: long ones stay in the file until then.
func (m *Model) OpenMetadata() (*gguf.File, error) {
	f, err := m.OpenFile(MetadataName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	g, err := gguf.NewFile(f, f.Size(), m.Path(MetadataName))
	if err != nil {
		f.Close()
		return nil, err
	}
	g.CloseWith(f)
	return g, nil
}
