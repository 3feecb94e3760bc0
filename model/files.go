package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// FileReader is an open file of a model directory whose content was compared with the
// manifest. It is safe for concurrent use.
type FileReader struct {
	file *os.File
	size int64
}

// ReadAt reads as an io.ReaderAt does.
func (f *FileReader) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Size returns the length in bytes.
func (f *FileReader) Size() int64 { return f.size }

// Close closes the file.
func (f *FileReader) Close() error { return f.file.Close() }

// OpenFile opens a file of the directory, such as config.json or a .npy file, after
// comparing what it holds with the hash in the manifest. Matrices have hashes of their own:
// see OpenMatrix. The caller closes it.
//
// Errors: fs.ErrNotExist for a file that the manifest does not list and that is not there;
// ErrUnlisted for one that is there; ErrMissing, ErrMismatch, ErrOutside.
func (m *Model) OpenFile(name string) (*FileReader, error) {
	want, f, err := m.open(name)
	if err != nil || want == "" {
		return f, err
	}
	h := sha256.New()
	if _, err = io.Copy(h, io.NewSectionReader(f, 0, f.size)); err == nil {
		err = m.compare(name, hex.EncodeToString(h.Sum(nil)), want)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// ReadFile returns the content of a file of the directory, of at most limit bytes, compared
// like OpenFile's. Beyond the limit it is regularfile.ErrTooLarge.
func (m *Model) ReadFile(name string, limit int64) ([]byte, error) {
	want, f, err := m.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := regularfile.Content(f, f.size, limit, m.Path(name))
	if err != nil {
		return nil, err
	}
	if want != "" {
		sum := sha256.Sum256(data)
		if err := m.compare(name, hex.EncodeToString(sum[:]), want); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// open opens a file and compares its size. want is the hash that its content must have, ""
// for any.
func (m *Model) open(name string) (want string, f *FileReader, err error) {
	listed, ok := m.files[name]
	path, err := m.place.resolve(name)
	switch {
	case ok:
		err = m.missing(name, err)
	case err == nil && m.Manifest.listsFiles():
		err = fmt.Errorf("%s: %w", path, ErrUnlisted)
	}
	if err != nil {
		return "", nil, err
	}
	file, size, err := regularfile.Open(path)
	if err != nil {
		return "", nil, err
	}
	if m.checked {
		want = listed.SHA256
	}
	if m.checked && m.Manifest.RootScheme != 0 && size != listed.Bytes {
		file.Close()
		return "", nil, fmt.Errorf("%s: %d bytes, the manifest says %d: %w", path, size, listed.Bytes, ErrMismatch)
	}
	return want, &FileReader{file, size}, nil
}

// listsFiles tells whether the manifest is of the kind that lists all files of the
// directory that matter. Older ones have the tensors only.
func (m *Manifest) listsFiles() bool { return m.RootScheme != 0 || len(m.Files) > 0 }

// missing returns err as ErrMissing if a file that the manifest lists is not there.
func (m *Model) missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", m.Path(name), ErrMissing)
	}
	return err
}

// compare tells whether a file has the hash that it must have, both in hex.
func (m *Model) compare(name, got, want string) error {
	if got != want {
		return fmt.Errorf("%s: sha256 is %s, the manifest says %s: %w", m.Path(name), got, want, ErrMismatch)
	}
	return nil
}

// Has tells whether the manifest lists a file; of an older one, that lists none, whether
// it is there.
func (m *Model) Has(name string) bool {
	if _, ok := m.files[name]; ok || m.Manifest.listsFiles() {
		return ok
	}
	_, err := m.place.resolve(name)
	return err == nil
}

// Hash returns the SHA-256, in hex, and the size of a file of the directory as it is now.
// It compares nothing. Errors: ErrMissing, ErrOutside.
func (m *Model) Hash(ctx context.Context, name string) (string, int64, error) {
	path, err := m.place.resolve(name)
	if err != nil {
		return "", 0, m.missing(name, err)
	}
	return HashFile(ctx, path)
}

// Array is the open file of an exact tensor. Its methods, but for Close, are safe for
// concurrent use.
type Array struct {
	*npy.Reader
	file io.Closer
}

// Close closes the file.
func (a *Array) Close() error { return a.file.Close() }

// OpenArray opens an exact tensor's file, checked as by OpenFile, whose shape and type must
// be the manifest's. The caller closes it.
func (m *Model) OpenArray(t Tensor) (*Array, error) {
	if t.Format != FormatNPY {
		return nil, fmt.Errorf("tensor %q is stored as %s, not as %s: %w", t.Name, t.Format, FormatNPY, ErrMismatch)
	}
	a, err := m.openArray(t)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(a.Shape(), t.Shape) || t.DType != "" && a.Header().Descr != t.DType {
		a.Close()
		return nil, fmt.Errorf("%s: is %v of %q, the manifest says %v of %q: %w", m.Path(t.File), a.Shape(), a.Header().Descr, t.Shape, t.DType, ErrMismatch)
	}
	return a, nil
}

func (m *Model) openArray(t Tensor) (*Array, error) {
	f, err := m.OpenFile(t.File)
	if err != nil {
		return nil, err
	}
	r, err := npy.NewReader(f, f.Size(), m.Path(t.File))
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Array{r, f}, nil
}
