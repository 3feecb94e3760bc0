package generate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// memoryPlace has files in memory.
type memoryPlace map[string][]byte

func newMemoryPlace(t *testing.T, dir string) memoryPlace {
	t.Helper()
	files := memoryPlace{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			files[filepath.ToSlash(name)], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (p memoryPlace) Names(context.Context) (names []string, err error) {
	for name := range p {
		if !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (p memoryPlace) Path(name string) string { return "memory:" + name }

func (p memoryPlace) Open(_ context.Context, name string) (storage.File, error) {
	data, ok := p[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", p.Path(name), fs.ErrNotExist)
	}
	return &memoryFile{Reader: bytes.NewReader(data)}, nil
}

type memoryFile struct {
	*bytes.Reader
	closed atomic.Bool
}

func (f *memoryFile) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if f.closed.Load() {
		return 0, fs.ErrClosed
	}
	return f.ReadAt(p, off)
}

func (f *memoryFile) Close() error {
	if f.closed.Swap(true) {
		return fs.ErrClosed
	}
	return nil
}

func (f *memoryFile) Stamp() string { return "" }

// webPlace asks a server for ranges; names lists what there is.
type webPlace struct {
	client *http.Client
	url    string
	names  []string
}

func (p *webPlace) Names(context.Context) ([]string, error) { return p.names, nil }
func (p *webPlace) Path(name string) string                 { return p.url + name }

func (p *webPlace) Open(ctx context.Context, name string) (storage.File, error) {
	f := &webFile{place: p, name: name}
	r, err := f.request(ctx, http.MethodHead, "")
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	f.size = r.ContentLength
	return f, nil
}

type webFile struct {
	place *webPlace
	name  string
	size  int64
}

func (f *webFile) request(ctx context.Context, method, span string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, f.place.Path(f.name), nil)
	if err != nil {
		return nil, err
	}
	if span != "" {
		q.Header.Set("Range", span)
	}
	r, err := f.place.client.Do(q)
	if err == nil && r.StatusCode >= 300 {
		r.Body.Close()
		err = fmt.Errorf("%s: %s: %w", q.URL, r.Status, fs.ErrNotExist)
	}
	return r, err
}

func (f *webFile) ReadAt(p []byte, off int64) (int, error) {
	return f.ReadAtContext(context.Background(), p, off)
}

func (f *webFile) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	n := min(int64(len(p)), f.size-off)
	if n <= 0 {
		return 0, io.EOF
	}
	r, err := f.request(ctx, http.MethodGet, fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	k, err := io.ReadFull(r.Body, p[:n])
	if err == nil && k < len(p) {
		err = io.EOF
	}
	return k, err
}

func (f *webFile) Size() int64   { return f.size }
func (f *webFile) Stamp() string { return "" }
func (f *webFile) Close() error  { return nil }

// says continues a text with the model at a place.
func says(t *testing.T, at checkpoint.Location, memory int64) string {
	t.Helper()
	o := runOptions
	o.Memory, o.Verify = memory, cdna.Always
	opened, err := BeginAt(t.Context(), at, o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := opened.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := &Generator{Tokenizer: opened.Tokenizer, Sampler: sampler(t, Options{})}
	ids, err := opened.Encode(t.Context(), opening)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Run(t.Context(), s, ids, 12, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(r.OutputIDs)
}

// TestAnyPlace: a model, converted or not, is opened, verified and run wherever its bytes can
// be read in ranges, and says there what it says on disk; damage there is found.
func TestAnyPlace(t *testing.T) {
	original := t.TempDir()
	if err := demo.Extract(original); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{convertDemo(t), original} {
		here, err := checkpoint.Find(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		want := says(t, here, 0)
		files := newMemoryPlace(t, dir)
		server := httptest.NewServer(http.FileServer(http.Dir(dir)))
		defer server.Close()
		names, _ := files.Names(t.Context())
		for _, place := range []storage.Place{files, &webPlace{server.Client(), server.URL + "/", names}} {
			at, err := checkpoint.At(t.Context(), place, "there")
			if err != nil {
				t.Fatal(err)
			}
			if at.Converted() {
				m, err := model.OpenPlace(t.Context(), place, "there")
				if err != nil {
					t.Fatal(err)
				}
				checks, err := m.Verify(t.Context(), 2)
				for _, c := range checks {
					err = errors.Join(err, c.Err)
				}
				if err != nil || len(checks) < 10 {
					t.Errorf("%s: %d checks, %v", place.Path(""), len(checks), err)
				}
				if got := says(t, at, 96<<20); got != want { // streamed, as far as it does not fit
					t.Errorf("%s, limited: %s, want %s", place.Path(""), got, want)
				}
			}
			if got := says(t, at, 0); got != want {
				t.Errorf("%s: %s, want %s", place.Path(""), got, want)
			}
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := BeginAt(cancelled, at, runOptions); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled: %v", place.Path(""), err)
			}
		}
		if !here.Converted() {
			continue
		}
		for name, data := range files {
			if strings.HasSuffix(name, ".hxz") && len(data) > 1<<14 {
				data[len(data)-1] ^= 1
				break
			}
		}
		at, err := checkpoint.At(t.Context(), files, "there")
		if err != nil {
			t.Fatal(err)
		}
		o := runOptions
		o.Verify = cdna.Always
		opened, err := BeginAt(t.Context(), at, o)
		if err == nil {
			_, err = opened.Load(t.Context())
		}
		if !errors.Is(err, cdna.ErrChecksum) && !errors.Is(err, cdna.ErrCorrupt) {
			t.Errorf("a flipped bit: %v", err)
		}
	}
}
