package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Model is an open model directory. It holds the manifest; tensors and files are opened
// one by one, and checked against the manifest's hashes as they are. It is safe for
// concurrent use.
type Model struct {
	Dir      string // what it was opened by
	Manifest *Manifest

	place   storage.Place
	files   map[string]File // of the manifest, by name
	checked bool            // hashes are compared
}

// IsModel tells a model directory, which has a manifest, from all else.
func IsModel(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ManifestName))
	return err == nil
}

// Open reads the manifest of the model directory dir on disk and compares its root. Errors:
// ErrNotModel, ErrManifest, ErrMismatch, ErrOutside.
func Open(dir string) (*Model, error) {
	d, err := newDirectory(dir)
	if err != nil {
		return nil, err
	}
	return OpenPlace(context.Background(), d, dir)
}

// OpenUnverified is Open for those who want no hash of the directory's own files compared,
// neither the manifest's nor, later, that of any other file but a matrix's blocks. Errors:
// ErrNotModel, ErrManifest, ErrOutside.
func OpenUnverified(dir string) (*Model, error) {
	d, err := newDirectory(dir)
	if err != nil {
		return nil, err
	}
	return OpenPlaceUnverified(context.Background(), d, dir)
}

// OpenPlace is Open for a model directory whose files lie in a place, which is called name in
// messages. All that is read of them later comes from there; blocks of matrices also from a cdna.Cache, if the place has a
// method BlockCache that returns one.
func OpenPlace(ctx context.Context, place storage.Place, name string) (*Model, error) {
	m, err := OpenPlaceUnverified(ctx, place, name)
	if err != nil {
		return nil, err
	}
	return m.Verified(ctx)
}

// Verified compares the root of a model that was opened unverified, and returns the model as the one whose hashes are
// compared from then on. Errors: ErrMismatch.
func (m *Model) Verified(ctx context.Context) (*Model, error) {
	verified := *m
	verified.checked = true
	return &verified, verified.checkRoot(ctx)
}

// OpenPlaceUnverified is OpenUnverified for a place.
func OpenPlaceUnverified(ctx context.Context, place storage.Place, name string) (*Model, error) {
	m := &Model{Dir: name, place: place, files: map[string]File{}}
	text, err := storage.ReadFile(ctx, place, ManifestName, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no %s in it: %w", name, ManifestName, ErrNotModel)
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

// WithPlace returns the model with its files read from another place, whose manifest must be the same.
func (m *Model) WithPlace(place storage.Place) *Model {
	other := *m
	other.place = place
	return &other
}

// maxManifest bounds manifest.json: a million tensors would fit.
const maxManifest = 1 << 30

// Tensors returns the tensors sorted by name.
func (m *Model) Tensors() []Tensor { return m.Manifest.sorted() }

// Path returns what a file that the manifest names is called in messages, of a directory on
// disk its path: files are opened by Open and the like, which check where it leads.
func (m *Model) Path(file string) string { return m.place.Path(file) }

// checkHead compares an open file of a compressed tensor with the manifest: its shape, and
// the hash of its head, which has those of its blocks; their packed bytes will be compared
// when they are read. Errors are ErrMismatch, and cdna.ErrChecksum for sums of other blocks.
func (m *Model) checkHead(ctx context.Context, t Tensor, f *cdna.Blocks) error {
	if f.Rows() != t.CDNAShape[0] || f.Cols() != t.CDNAShape[1] {
		return fmt.Errorf("%s: is [%d, %d], the manifest says %v: %w", m.Path(t.File), f.Rows(), f.Cols(), t.CDNAShape, ErrMismatch)
	}
	if t.Format == FormatLossless && string(f.Header().DType) != t.DType {
		return fmt.Errorf("%s: is of %s, the manifest says %s: %w", m.Path(t.File), f.Header().DType, t.DType, ErrMismatch)
	}
	if m.checked && f.HeadSHA256() == "" && t.SHA256 != "" { // version 1 has no head
		sum, _, err := m.Hash(ctx, t.File)
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
func (m *Model) OpenMatrix(ctx context.Context, t Tensor) (*cdna.File, error) {
	return openMatrix(ctx, m, t, FormatCDNA2, cdna.NewFile)
}

// OpenLossless opens the file of a lossless tensor and checks its head. The caller closes
// it.
func (m *Model) OpenLossless(ctx context.Context, t Tensor) (*cdna.Lossless, error) {
	return openMatrix(ctx, m, t, FormatLossless, cdna.NewLossless)
}

// OpenLattice opens the file of a lattice tensor and checks its head. The caller closes it.
func (m *Model) OpenLattice(ctx context.Context, t Tensor) (*cdna.Lattice, error) {
	return openMatrix(ctx, m, t, FormatLattice, cdna.NewLattice)
}

// openHead opens the file of a compressed tensor of any format and checks its head.
func (m *Model) openHead(ctx context.Context, t Tensor) (blocked, error) {
	switch t.Format {
	case FormatLossless:
		return asBlocked(m.OpenLossless(ctx, t))
	case FormatLattice:
		return asBlocked(m.OpenLattice(ctx, t))
	}
	return asBlocked(m.OpenMatrix(ctx, t))
}

// asBlocked keeps a nil pointer from becoming an interface that is none.
func asBlocked[F blocked](f F, err error) (blocked, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// blocked is a cdna.File, a cdna.Lattice or a cdna.Lossless.
type blocked interface {
	Base() *cdna.Blocks
	Fingerprint(ctx context.Context) (string, error)
	Close() error
}

// openMatrix opens the file of a tensor of that format and checks its head.
func openMatrix[F blocked](ctx context.Context, m *Model, t Tensor, format string, read func(context.Context, io.ReaderAt, int64, string) (F, error)) (f F, err error) {
	if t.Format != format {
		return f, fmt.Errorf("tensor %q is stored as %s, not as %s: %w", t.Name, t.Format, format, ErrMismatch)
	}
	opened, err := openBlocks(ctx, m, t, read)
	if err != nil {
		return f, err
	}
	if err := m.checkHead(ctx, t, opened.Base()); err != nil {
		opened.Close()
		return f, err
	}
	return opened, nil
}

// openBlocks opens the file of a compressed tensor, unchecked.
func openBlocks[F blocked](ctx context.Context, m *Model, t Tensor, read func(context.Context, io.ReaderAt, int64, string) (F, error)) (f F, err error) {
	file, err := storage.Open(ctx, m.place, t.File)
	if err != nil {
		return f, m.missing(t.File, err)
	}
	if f, err = read(ctx, file, file.Size(), m.Path(t.File)); err != nil {
		file.Close()
		return f, err
	}
	f.Base().CloseWith(file)
	if p, ok := m.place.(interface{ BlockCache() cdna.Cache }); ok {
		f.Base().UseCache(p.BlockCache())
	}
	return f, nil
}

// OpenSidecar reads a tensor's outliers and checks them; nil without error when it has
// none.
func (m *Model) OpenSidecar(ctx context.Context, t Tensor) (*cdna.Sidecar, error) {
	if t.Sidecar == nil {
		return nil, nil
	}
	f, err := m.Open(ctx, t.Sidecar.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := cdna.ReadSidecar(ctx, f, f.Size(), m.Path(t.Sidecar.File))
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
