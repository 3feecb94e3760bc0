package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Names lists the files that the manifest does, sorted: with Open and Path they make a
// model the storage.Place of its own files, each compared when it is opened.
func (m *Model) Names(context.Context) ([]string, error) {
	var names []string
	for _, f := range m.Manifest.AllFiles() {
		names = append(names, f.File)
	}
	return names, nil
}

// Open opens a file of the model, such as config.json or a .npy file, after
// comparing what it holds with the hash in the manifest; what it holds when it is read later
// is compared with that. Matrices have hashes of their own:
// see OpenMatrix. The caller closes it.
//
// Errors: fs.ErrNotExist for a file that the manifest does not list and that is not there;
// ErrUnlisted for one that is there; ErrMissing, ErrMismatch, ErrOutside.
func (m *Model) Open(ctx context.Context, name string) (storage.File, error) {
	want, f, err := m.open(ctx, name)
	if err != nil || want == "" {
		return f, err
	}
	checked, sum, err := newCheckedFile(ctx, f, m.Path(name))
	if err == nil {
		err = m.compare(name, sum, want)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return checked, nil
}

// ReadFile returns the content of a file of the model, of at most limit bytes, compared
// like Open's. Beyond the limit it is storage.ErrTooLarge.
func (m *Model) ReadFile(ctx context.Context, name string, limit int64) ([]byte, error) {
	want, f, err := m.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := storage.Content(ctx, f, limit, m.Path(name))
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
func (m *Model) open(ctx context.Context, name string) (want string, f storage.File, err error) {
	listed, ok := m.files[name]
	f, err = storage.Open(ctx, m.place, name)
	switch {
	case !ok && m.Manifest.listsFiles() && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrOutside):
		if err == nil {
			f.Close()
		}
		return "", nil, fmt.Errorf("%s: %w", m.Path(name), ErrUnlisted)
	case ok:
		err = m.missing(name, err)
	}
	if err != nil || !m.checked {
		return "", f, err
	}
	if m.Manifest.RootScheme != 0 && f.Size() != listed.Bytes {
		f.Close()
		return "", nil, fmt.Errorf("%s: %d bytes, the manifest says %d: %w", m.Path(name), f.Size(), listed.Bytes, ErrMismatch)
	}
	return listed.SHA256, f, nil
}

// companions are the files that readers of a model look for beside its tensors.
var companions = []string{
	"config.json", "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"chat_template.jinja", "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", MetadataName,
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
// it can be opened.
func (m *Model) Has(ctx context.Context, name string) bool {
	if _, ok := m.files[name]; ok || m.Manifest.listsFiles() {
		return ok
	}
	f, err := storage.Open(ctx, m.place, name)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// Hash returns the SHA-256, in hex, and the size of a file of the directory as it is now.
// It compares nothing, and hashes the bytes whatever their place says of them. Errors: ErrMissing, ErrOutside.
func (m *Model) Hash(ctx context.Context, name string) (string, int64, error) {
	f, err := storage.Open(ctx, m.around(name), name)
	if err != nil {
		return "", 0, m.missing(name, err)
	}
	defer f.Close()
	sum, err := storage.Sum(ctx, f, f.Size())
	return sum, f.Size(), err
}

// ReadBeside returns the content, of at most limit bytes, of a file of the directory that the manifest
// does not list, such as what is said about it: nothing here vouches for it. What is not there is
// fs.ErrNotExist, what is larger storage.ErrTooLarge, and a file that is listed ErrMismatch.
func (m *Model) ReadBeside(ctx context.Context, name string, limit int64) ([]byte, error) {
	if _, listed := m.files[name]; listed {
		return nil, fmt.Errorf("%s: it is one of the model's own files: %w", m.Path(name), ErrMismatch)
	}
	return storage.ReadFile(ctx, m.around(name), name, limit)
}

// around is where a file lies: one that the manifest does not list may be asked for nowhere but here.
func (m *Model) around(name string) storage.Place {
	_, listed := m.files[name]
	if p, ok := m.place.(interface{ Around() storage.Place }); ok && !listed && name != ManifestName {
		return p.Around()
	}
	return m.place
}

// Array is the open file of an exact tensor. Its methods, but for Close, are safe for
// concurrent use.
type Array struct {
	elements *npy.Reader
	file     io.Closer
}

// Close closes the file.
func (a *Array) Close() error { return a.file.Close() }

// Shape returns the array's shape.
func (a *Array) Shape() []int { return a.elements.Shape() }

// Type returns the type of its elements.
func (a *Array) Type() dtype.Type { return a.elements.Type() }

// Len returns how many there are.
func (a *Array) Len() int { return a.elements.Len() }

// ReadFloat32 fills dst with the elements from index off on, as float32.
func (a *Array) ReadFloat32(ctx context.Context, dst []float32, off int) error {
	return a.elements.ReadFloat32(ctx, dst, off)
}

// RowMajor tells whether a row's elements lie together. Where they do not, take many whole rows at a time.
func (a *Array) RowMajor() bool { return !a.elements.Header().Fortran }

// ReadRaw fills dst with the elements' bytes from byte off on, in the file's own order and byte order.
func (a *Array) ReadRaw(ctx context.Context, dst []byte, off int64) error {
	return a.elements.ReadRaw(ctx, dst, off)
}

// OpenArray opens an exact tensor's file, checked as by Open, whose shape and type must
// be the manifest's. The caller closes it.
func (m *Model) OpenArray(ctx context.Context, t Tensor) (*Array, error) {
	if t.Format != FormatNPY {
		return nil, fmt.Errorf("tensor %q is stored as %s, not as %s: %w", t.Name, t.Format, FormatNPY, ErrMismatch)
	}
	a, err := m.openArray(ctx, t)
	if err != nil {
		return nil, err
	}
	if descr := a.elements.Header().Descr; !slices.Equal(a.Shape(), t.Shape) || t.DType != "" && descr != t.DType {
		a.Close()
		return nil, fmt.Errorf("%s: is %v of %q, the manifest says %v of %q: %w", m.Path(t.File), a.Shape(), descr, t.Shape, t.DType, ErrMismatch)
	}
	return a, nil
}

func (m *Model) openArray(ctx context.Context, t Tensor) (*Array, error) {
	f, err := m.Open(ctx, t.File)
	if err != nil {
		return nil, err
	}
	r, err := npy.NewReader(ctx, f, f.Size(), m.Path(t.File))
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Array{r, f}, nil
}
