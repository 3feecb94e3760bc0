package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/hub/hubtest"
	"github.com/helix-substrate/helix-substrate/internal/oci"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/s3/s3test"
	"github.com/helix-substrate/helix-substrate/model"
)

// converted converts the built-in model once for all tests, which leave it as it is.
var converted = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "transfer")
	if err != nil {
		return "", err
	}
	source := filepath.Join(dir, "checkpoint")
	if err := errors.Join(os.Mkdir(source, 0o777), demo.Extract(source)); err != nil {
		return "", err
	}
	o := convert.Options{Method: convert.Entropy}
	_, err = convert.Directory(context.Background(), convert.Job{Source: source, Output: filepath.Join(dir, "model"), Options: o})
	return filepath.Join(dir, "model"), err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := converted(); err == nil {
		os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

// source returns the model directory and its root.
func source(t testing.TB) (dir, root string) {
	t.Helper()
	dir, err := converted()
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, m.Manifest.Root()
}

// content reads all files of a directory.
func content(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// same compares two directories' files.
func same(t testing.TB, got, want string) {
	t.Helper()
	a, b := content(t, got), content(t, want)
	for name := range b {
		if a[name] != b[name] {
			t.Errorf("%s differs", name)
		}
		delete(a, name)
	}
	for name := range a {
		t.Errorf("%s is too much", name)
	}
}

// beside lists what is in the directory around another.
func beside(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// newRegistry starts a registry in this process, and returns an address there.
func newRegistry(t testing.TB, in func(next http.Handler) http.Handler) string {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if in != nil {
		handler = in(handler)
	}
	s := httptest.NewServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return "oci://" + strings.TrimPrefix(s.URL, "http://") + "/models/tiny:v1"
}

// newHub starts a hub with an empty repository, which the environment names, and returns the repository's address.
func newHub(t testing.TB) (*hubtest.Server, string) {
	t.Helper()
	s := hubtest.NewServer()
	t.Cleanup(s.Close)
	s.AddRepo("me/tiny", os.DirFS(t.TempDir())).Token = "hf_x"
	for name, value := range map[string]string{"HF_ENDPOINT": s.URL, "HF_TOKEN": "hf_x", "HF_HOME": t.TempDir(), "HF_HUB_OFFLINE": ""} {
		t.Setenv(name, value)
	}
	return s, "hf://me/tiny"
}

func TestThereAndBack(t *testing.T) {
	dir, root := source(t)
	size := 0
	for _, text := range content(t, dir) {
		size += len(text)
	}
	for name, address := range map[string]func() string{
		"registry": func() string { return newRegistry(t, nil) },
		"hub":      func() string { _, address := newHub(t); return address },
		"store":    func() string { s3test.New(t, nil); return "s3://" + s3test.Bucket + "/models/tiny" },
	} {
		t.Run(name, func(t *testing.T) {
			to := address()
			last := int64(0)
			progress := func(done, total int64, _ string) {
				if last = done; total > int64(size) || done > total {
					t.Errorf("%d of %d bytes", done, total)
				}
			}
			r, err := Push(t.Context(), dir, to, PushOptions{Progress: progress})
			if err != nil {
				t.Fatal(err)
			}
			if r.Root != root || r.Bytes != int64(size) || r.Sent == 0 || last != r.Bytes {
				t.Errorf("%+v, of %d bytes %d", r, size, last)
			}
			again, err := Push(t.Context(), dir, to, PushOptions{})
			if err != nil || again.Sent != 0 || again.Address != r.Address {
				t.Errorf("%+v, %v", again, err)
			}
			for _, from := range []string{to, r.Address} {
				out := filepath.Join(t.TempDir(), "copy")
				p, err := Pull(t.Context(), from, out, PullOptions{Root: root, Progress: progress})
				if err != nil {
					t.Fatal(err)
				}
				if p.Root != root || p.Partial || p.Files != r.Files || p.Bytes != r.Bytes || p.FetchedBytes == 0 {
					t.Errorf("%+v", p)
				}
				same(t, out, dir)
				if names := beside(t, out); !slices.Equal(names, []string{"copy"}) {
					t.Errorf("%q", names)
				}
				if _, err := Pull(t.Context(), from, out, PullOptions{}); !errors.Is(err, ErrExists) {
					t.Error(err)
				}
			}
			out := filepath.Join(t.TempDir(), "copy")
			if _, err := Pull(t.Context(), to, out, PullOptions{Root: strings.Repeat("0", 64)}); !errors.Is(err, checkpoint.ErrRoot) {
				t.Error(err)
			}
			if names := beside(t, out); len(names) > 0 {
				t.Errorf("%q", names)
			}
		})
	}
}

// TestHub: a repository is made if wanted, gets one commit, and no other server the token.
func TestHub(t *testing.T) {
	dir, _ := source(t)
	s, _ := newHub(t)
	const to = "hf://me/new"
	if _, err := Push(t.Context(), dir, to, PushOptions{}); !errors.Is(err, checkpoint.ErrRepoNotFound) {
		t.Error(err)
	}
	if _, err := Push(t.Context(), dir, to, PushOptions{Create: true, Message: "First"}); err != nil {
		t.Fatal(err)
	}
	if got := s.Commits(); !slices.Equal(got, []string{"First"}) {
		t.Errorf("%q", got)
	}
	large := 0
	for _, r := range s.Requests() {
		if r.Place == hubtest.Upload || r.Place == hubtest.Content {
			if large++; r.Token != "" {
				t.Error("the content server got the token")
			}
		}
	}
	if large == 0 {
		t.Error("nothing was sent apart")
	}
	t.Setenv("HF_TOKEN", "wrong")
	if _, err := Push(t.Context(), dir, to, PushOptions{}); !errors.Is(err, checkpoint.ErrToken) {
		t.Error(err)
	}
}

// moved is a target of which something else happens before the end.
type moved struct {
	target
	meanwhile func()
}

func (m moved) finish(ctx context.Context, of *model.Manifest, files []model.File) (string, error) {
	m.meanwhile()
	return m.target.finish(ctx, of, files)
}

// TestHubMoves: a branch that has become another version meanwhile does not become a mixture.
func TestHubMoves(t *testing.T) {
	dir, _ := source(t)
	work := t.TempDir()
	var versions []string
	for i, method := range []convert.Method{convert.Entropy, convert.KMeans} {
		from := filepath.Join(work, "checkpoint"+string(rune('0'+i)))
		err := os.CopyFS(from, os.DirFS(filepath.Join(filepath.Dir(dir), "checkpoint")))
		if err == nil {
			err = os.WriteFile(filepath.Join(from, "generation_config.json"), []byte(`{"temperature": 0.`+string(rune('5'+i))+`}`), 0o666)
		}
		to := filepath.Join(work, "model"+string(rune('0'+i)))
		if err == nil {
			_, err = convert.Directory(t.Context(), convert.Job{Source: from, Output: to, Options: convert.Options{Method: method}})
		}
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, to)
	}
	_, address := newHub(t)
	if _, err := Push(t.Context(), dir, address, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	to, err := targetAt(t.Context(), address, PushOptions{})
	if err != nil {
		t.Fatal(err)
	}
	to = moved{to, func() {
		if _, err := Push(t.Context(), versions[1], address, PushOptions{}); err != nil {
			t.Error(err)
		}
	}}
	if _, err := push(t.Context(), versions[0], to, PushOptions{}); !errors.Is(err, checkpoint.ErrResponse) {
		t.Errorf("the branch moved: %v", err)
	}
	out := filepath.Join(work, "copy")
	if _, err := Pull(t.Context(), address, out, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	same(t, out, versions[1])
}

func TestTensors(t *testing.T) {
	dir, root := source(t)
	from := newRegistry(t, nil)
	if _, err := Push(t.Context(), dir, from, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "copy")
	for _, bad := range []string{"no such tensor", "(", strings.Repeat("x", 5000)} {
		if _, err := Pull(t.Context(), from, out, PullOptions{Tensors: bad}); !errors.Is(err, ErrTensors) || len(beside(t, out)) > 0 {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
	some, err := Pull(t.Context(), from, out, PullOptions{Tensors: `layers\.0\.`})
	if err != nil || !some.Partial || some.Tensors == 0 {
		t.Fatalf("%+v, %v", some, err)
	}
	have, want := content(t, out), content(t, dir)
	for name, text := range have {
		if name != PartialName && text != want[name] {
			t.Errorf("%s differs", name)
		}
	}
	if have["manifest.json"] == "" || have["config.json"] == "" || !strings.Contains(have[PartialName], root) || len(have) >= len(want) {
		t.Errorf("%d of %d files, %s", len(have), len(want), have[PartialName])
	}
	m, err := model.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckFiles(t.Context()); !errors.Is(err, model.ErrMissing) {
		t.Error(err)
	}
	if _, err := Push(t.Context(), out, from, PushOptions{}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	all, err := Pull(t.Context(), from, out, PullOptions{})
	if err != nil || all.Partial || all.FetchedBytes >= all.Bytes || all.FetchedBytes == 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	same(t, out, dir)
}

// TestResume: what a pull that was stopped has fetched is not fetched again, and what is damaged of it is.
func TestResume(t *testing.T) {
	dir, _ := source(t)
	var mu sync.Mutex
	left := -1 // requests for blobs that are answered; below 0 for all
	from := newRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			ends := left == 0 && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
			if left > 0 && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				left--
			}
			mu.Unlock()
			if ends {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	pushed, err := Push(t.Context(), dir, from, PushOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "copy")
	set := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		left = n
	}
	set(8)
	if _, err := Pull(t.Context(), from, out, PullOptions{}); !errors.Is(err, ranges.ErrResponse) {
		t.Fatal(err)
	}
	work := filepath.Join(filepath.Dir(out), ".copy.partial")
	there := content(t, work)
	if len(there) < 3 || len(beside(t, out)) != 1 {
		t.Fatalf("%d files, %q", len(there), beside(t, out))
	}
	whole := content(t, dir)
	expected, damaged, unfinished := pushed.Bytes-int64(len(whole[model.ManifestName])), false, false
	for _, name := range slices.Sorted(maps.Keys(there)) {
		path, text := filepath.Join(work, name), there[name]
		switch {
		case name == PartialName:
		case text != whole[name]: // unfinished
			expected -= int64(len(text))
		case !damaged && len(text) > 100:
			damaged = true
			if err := os.WriteFile(path, []byte(text[:len(text)-1]+"!"), 0o600); err != nil {
				t.Fatal(err)
			}
		case !unfinished && len(text) > 100:
			unfinished = true
			expected -= int64(len(text) / 2)
			if err := errors.Join(os.Truncate(path, int64(len(text)/2)), os.Rename(path, path+incomplete)); err != nil {
				t.Fatal(err)
			}
		default:
			expected -= int64(len(text))
		}
	}
	set(-1)
	r, err := Pull(t.Context(), from, out, PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !damaged || !unfinished || r.FetchedBytes != expected {
		t.Errorf("%d of %d bytes were fetched, want %d", r.FetchedBytes, pushed.Bytes, expected)
	}
	same(t, out, dir)
	if names := beside(t, out); !slices.Equal(names, []string{"copy"}) {
		t.Errorf("%q", names)
	}
}

// TestForeign: what is not of the model stays as it is, whatever it is, and nothing is written through a link.
func TestForeign(t *testing.T) {
	dir, root := source(t)
	from := newRegistry(t, nil)
	if _, err := Push(t.Context(), dir, from, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	mark := `{"comment":"` + comment + `","root_sha256":"` + root + `"}`
	for name, c := range map[string]struct {
		make func(t *testing.T, out, work, outside string) error
		want error
	}{
		"a file in its place":        {func(t *testing.T, out, _, _ string) error { return os.WriteFile(out, []byte("mine"), 0o600) }, ErrExists},
		"an empty directory":         {func(t *testing.T, out, _, _ string) error { return os.Mkdir(out, 0o700) }, ErrExists},
		"a link to nothing":          {func(t *testing.T, out, _, _ string) error { return os.Symlink("nothing", out) }, ErrExists},
		"another's workplace":        {func(t *testing.T, _, work, _ string) error { return write(work, "mine.txt", "mine") }, ErrForeign},
		"a workplace that is a link": {func(t *testing.T, _, work, outside string) error { return os.Symlink(outside, work) }, ErrForeign},
		"a file of another's": {func(t *testing.T, _, work, _ string) error {
			return errors.Join(write(work, PartialName, mark), write(work, "mine.txt", "mine"))
		}, ErrForeign},
		"a link in it": {func(t *testing.T, _, work, outside string) error {
			return errors.Join(write(work, PartialName, mark), os.Symlink(filepath.Join(outside, "x"), filepath.Join(work, "config.json"+incomplete)))
		}, ErrForeign},
		"another model's": {func(t *testing.T, _, work, _ string) error {
			return write(work, PartialName, strings.ReplaceAll(mark, root, strings.Repeat("0", 64)))
		}, ErrForeign},
		"a mark that is none": {func(t *testing.T, _, work, _ string) error { return write(work, PartialName, "{}") }, ErrForeign},
		"a mark that is a link": {func(t *testing.T, _, work, outside string) error {
			return errors.Join(os.Mkdir(work, 0o700), os.Symlink(filepath.Join(outside, "x"), filepath.Join(work, PartialName)))
		}, ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			outside, parent := t.TempDir(), t.TempDir()
			out, work := filepath.Join(parent, "copy"), filepath.Join(parent, ".copy.partial")
			if err := errors.Join(write(outside, "x", "outside"), c.make(t, out, work, outside)); err != nil {
				t.Skip(err)
			}
			before := content(t, parent)
			if _, err := Pull(t.Context(), from, out, PullOptions{}); !errors.Is(err, c.want) {
				t.Error(err)
			}
			after := content(t, parent)
			for name, text := range before {
				if after[name] != text {
					t.Errorf("%s was changed", name)
				}
			}
			if got := content(t, outside); len(got) != 1 || got["x"] != "outside" {
				t.Errorf("outside is %q", got)
			}
		})
	}
}

func write(dir, name, text string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}

// TestDamaged: a model that is not whole is not sent, nor anything of it.
func TestDamaged(t *testing.T) {
	dir, _ := source(t)
	asked := 0
	to := newRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++; next.ServeHTTP(w, r) })
	})
	names, err := filepath.Glob(filepath.Join(dir, "*.hxz"))
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, spoil := range []func(path string, text []byte) error{
		func(path string, text []byte) error { text[len(text)/2] ^= 1; return os.WriteFile(path, text, 0o600) },
		func(path string, text []byte) error { return os.Truncate(path, int64(len(text)-1)) },
		func(path string, _ []byte) error { return os.Remove(path) },
	} {
		copied := filepath.Join(t.TempDir(), "model")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(copied, filepath.Base(names[0]))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(path, text); err != nil {
			t.Fatal(err)
		}
		if _, err := Push(t.Context(), copied, to, PushOptions{}); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	}
	if asked > 0 {
		t.Errorf("the registry was asked %d times", asked)
	}
}

// TestAddresses: what nothing can be sent to or fetched from is told before anything is done.
func TestAddresses(t *testing.T) {
	dir, _ := source(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for to, want := range map[string]error{
		"elsewhere": ErrAddress, "https://host/model": ErrAddress, "oci://h": checkpoint.ErrArtifact, "oci://h/a@sha256:" + strings.Repeat("a", 64): ErrAddress, "hf://a/b/c": checkpoint.ErrRepo, "s3://B/x": checkpoint.ErrAddress,
	} {
		if _, err := Push(t.Context(), dir, to, PushOptions{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", to, err)
		}
	}
	for _, from := range []string{"elsewhere", dir, "oci://h", "ftp://h/x"} {
		if _, err := Pull(t.Context(), from, filepath.Join(t.TempDir(), "x"), PullOptions{}); !errors.Is(err, checkpoint.ErrAddress) && !errors.Is(err, checkpoint.ErrArtifact) {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// TestNames: a manifest whose names lead elsewhere, or mean one file twice, leaves nothing behind.
func TestNames(t *testing.T) {
	dir, _ := source(t)
	text, err := os.ReadFile(filepath.Join(dir, model.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../escaped", "/tmp/escaped", `..\escaped`, "a/../../escaped", "NUL", "C:escaped", "Config.json", "MANIFEST.JSON", "partial.json", "config.json.incomplete", "config.json/x", "x.", "esc\x00aped"} {
		var m model.Manifest
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		hostile := t.TempDir()
		m.Files = append(m.Files, model.File{File: name, Bytes: 1, SHA256: strings.Repeat("a", 64)})
		m.RootSHA256 = m.Root()
		if err := m.Write(hostile); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"1"`)
			if strings.HasSuffix(r.URL.Path, model.ManifestName) {
				http.ServeFile(w, r, filepath.Join(hostile, model.ManifestName))
				return
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte("x")))
		}))
		out := filepath.Join(t.TempDir(), "below", "copy")
		if err := os.Mkdir(filepath.Dir(out), 0o777); err != nil {
			t.Fatal(err)
		}
		_, err := Pull(t.Context(), server.URL+"/", out, PullOptions{})
		if !errors.Is(err, ErrName) && !errors.Is(err, model.ErrManifest) || strings.ContainsAny(err.Error(), "\x00\n") {
			t.Errorf("%q: %v", name, err)
		}
		if names := beside(t, filepath.Dir(out)); len(beside(t, out)) > 0 || len(names) != 1 {
			t.Errorf("%q: %q", name, names)
		}
		server.Close()
	}
}

// quickly has failures repeated at once.
var quickly = oci.Options{Retry: ranges.Retry{Wait: func(context.Context, time.Duration) error { return nil }}, Stall: 5 * time.Second}

// openFiles counts the files below dir that this process has open; ok is false where the system does not tell.
func openFiles(dir string) (n int, ok bool) {
	list, err := os.ReadDir("/proc/self/fd")
	for _, entry := range list {
		if path, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(path, dir+"/") {
			n++
		}
	}
	return n, err == nil
}

// watched is a target that looks how many files are open.
type watched struct {
	dir  string
	most atomic.Int64
}

func (w *watched) begin(_ context.Context, files []model.File, content func(model.File) io.ReaderAt) error {
	for _, f := range files {
		if err := w.read(content(f)); err != nil {
			return err
		}
	}
	return nil
}

func (w *watched) read(content io.ReaderAt) error {
	_, err := content.ReadAt(make([]byte, 1), 0)
	n, _ := openFiles(w.dir)
	w.most.Store(max(w.most.Load(), int64(n)))
	return err
}

func (w *watched) send(_ context.Context, _ model.File, content io.ReaderAt, _ func(int64)) (bool, error) {
	return true, w.read(content)
}

func (w *watched) finish(context.Context, *model.Manifest, []model.File) (string, error) {
	return "", nil
}

// TestOpenFiles: a model may have more files than a process may have open.
func TestOpenFiles(t *testing.T) {
	if _, ok := openFiles("/"); !ok {
		t.Skip("the system does not tell which files are open")
	}
	from, _ := source(t)
	dir, err := filepath.EvalSymlinks(from)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{dir: dir}
	if _, err := push(t.Context(), dir, w, PushOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := w.most.Load(); n > together {
		t.Errorf("%d files are open at a time", n)
	}
}
