package oci_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/oci"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/storage"
)

func TestParse(t *testing.T) {
	sum := "sha256:" + strings.Repeat("a", 64)
	for name, want := range map[string]string{
		"oci://h.example/a/b:v1": "oci://h.example/a/b:v1", "oci://h.example/a": "oci://h.example/a:latest", "oci://localhost:5000/a": "oci://localhost:5000/a:latest",
		"oci://h:5000/a:t@" + sum: "oci://h:5000/a@" + sum, "oci://h/a@" + sum: "oci://h/a@" + sum, "insecure+oci://h/a:t": "insecure+oci://h/a:t",
		"insecure+oci://127.0.0.1/a:t": "oci://127.0.0.1/a:t",
	} {
		a, err := oci.Parse(name)
		if err != nil || a.String() != want || a.Plain != (strings.HasPrefix(name, "insecure") || strings.Contains(name, "localhost")) {
			t.Errorf("%s: %v %v, %v", name, a, a.Plain, err)
		}
	}
	for _, name := range []string{
		"", "oci://", "oci://h", "oci://h/", "oci://h/A", "oci://h/a:", "oci://h/a:t:u", "oci://u:p@h/a", "oci://h/a?x", "oci://h/../a", "oci://h/a@sha256:12", "oci://h/a@sha512:" + strings.Repeat("a", 128),
		"oci://h/a:-@" + sum, "https://h/a", "oci://h\n/a", "oci://h/a b", "oci://h/a#x", "docker://h/a",
	} {
		if a, err := oci.Parse(name); !errors.Is(err, oci.ErrAddress) || strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%q: %v, %v", name, a, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"oci://h/a:t", "insecure+oci://[::1]:5000/a/b@sha256:" + strings.Repeat("0", 64), "oci://a@b/c"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		a, err := oci.Parse(name)
		if err != nil {
			return
		}
		if again, err := oci.Parse(a.String()); err != nil || again.String() != a.String() || again.Plain != a.Plain {
			t.Fatalf("%q: %v, then %v, %v", name, a, again, err)
		}
	})
}

// server is a registry in this process, with handler in front of it, and what it was asked.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // "METHOD path"
	in   func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func newServer(t *testing.T, in func(w http.ResponseWriter, r *http.Request, next http.Handler)) *server {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	next := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := &server{in: in}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if s.in != nil {
			s.in(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return s
}

// count tells how many requests of a method the server got.
func (s *server) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, line := range s.seen {
		if strings.HasPrefix(line, method+" ") {
			n++
		}
	}
	return n
}

func (s *server) address(t *testing.T, rest string) oci.Address {
	t.Helper()
	at, err := oci.Parse("oci://" + strings.TrimPrefix(s.URL, "http://") + "/" + rest)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// quickly has failures repeated at once.
var quickly = oci.Options{Retry: ranges.Retry{Attempts: 4, Wait: func(context.Context, time.Duration) error { return nil }}, Stall: 5 * time.Second}

// contents are the files of the tests: an empty one, a small one, one of several chunks.
func contents() map[string][]byte {
	large := make([]byte, 40<<20)
	for i := range large {
		large[i] = byte(i * i >> 7)
	}
	return map[string][]byte{"empty.txt": {}, "config.json": []byte("{}\n"), "sub/large.bin": large}
}

// push stores files as an artifact, and returns its digest and how many layers were sent or mounted.
func push(t *testing.T, at oci.Address, mount string, files map[string][]byte) (sum string, sent, mounted int, err error) {
	t.Helper()
	c, err := oci.NewClient(at, quickly)
	if err != nil {
		t.Fatal(err)
	}
	var list []oci.Layer
	for name, text := range files {
		list = append(list, oci.Layer{Name: name, Size: int64(len(text)), SHA256: digest.FromBytes(text).Encoded()})
	}
	slices.SortFunc(list, func(a, b oci.Layer) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range list {
		has, err := c.Has(t.Context(), l)
		if err != nil {
			return "", sent, mounted, err
		}
		if has {
			continue
		}
		done := int64(0)
		was, err := c.Upload(t.Context(), l, bytes.NewReader(files[l.Name]), mount, func(n int64) { done = n })
		if err != nil {
			return "", sent, mounted, err
		}
		if done != l.Size {
			t.Errorf("%s: %d bytes are said to be done of %d", l.Name, done, l.Size)
		}
		if was {
			mounted++
		} else {
			sent++
		}
	}
	sum, err = c.Store(t.Context(), list, oci.Description{Name: "test", Root: strings.Repeat("1", 64)})
	return sum, sent, mounted, err
}

// expect reads an artifact whole and compares it.
func expect(t *testing.T, at oci.Address, files map[string][]byte) error {
	t.Helper()
	p, err := oci.Open(t.Context(), at, quickly)
	if err != nil {
		return err
	}
	for name, want := range files {
		got, err := storage.ReadFile(t.Context(), p, name, 1<<30)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s: %w", name, errWrong)
		}
	}
	return nil
}

var errWrong = errors.New("wrong bytes")

func TestPushAndRead(t *testing.T) {
	s := newServer(t, nil)
	at, files := s.address(t, "models/a:v1"), contents()
	first, sent, _, err := push(t, at, "", files)
	if err != nil || sent != 3 {
		t.Fatal(sent, err)
	}
	if s.count(http.MethodPatch) < 3 {
		t.Error("the large file did not come in chunks")
	}
	if err := expect(t, at, files); err != nil {
		t.Error(err)
	}
	again, sent, _, err := push(t, at, "", files)
	if err != nil || sent != 0 || again != first {
		t.Errorf("%d were sent again, %s is not %s, %v", sent, again, first, err)
	}
	pinned := s.address(t, "models/a:v1@"+first)
	if err := expect(t, pinned, files); err != nil {
		t.Error(err)
	}
	files["config.json"] = []byte("{\"new\":1}\n")
	if _, sent, _, err := push(t, at, "", files); err != nil || sent != 1 {
		t.Errorf("%d were sent of one change, %v", sent, err)
	}
	p, err := oci.Open(t.Context(), pinned, quickly)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := storage.ReadFile(t.Context(), p, "config.json", 99); err != nil || string(text) != "{}\n" {
		t.Errorf("%q, %v: the digest is of another version", text, err)
	}
	if names, err := p.Names(t.Context()); err != nil || !slices.Equal(names, []string{"config.json", "empty.txt"}) {
		t.Error(names, err)
	}
	f, err := p.Open(t.Context(), "sub/large.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, 1000)
	if _, err := f.ReadAt(got, 33<<20); err != nil || !bytes.Equal(got, files["sub/large.bin"][33<<20:33<<20+1000]) || p.Fetched() > 2<<20 {
		t.Errorf("%d bytes came for 1000, %v", p.Fetched(), err)
	}
	if _, err := p.Open(t.Context(), "../config.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := oci.Open(t.Context(), s.address(t, "models/none:v1"), quickly); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestManifest: what the model specification has stands in the manifest.
func TestManifest(t *testing.T) {
	s := newServer(t, nil)
	at := s.address(t, "m:v1")
	files := map[string][]byte{"config.json": []byte("{}"), "w.bin": []byte("w"), "README.md": []byte("r")}
	sum, _, _, err := push(t, at, "", files)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.Get(s.URL + "/v2/m/manifests/" + sum)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	var m struct {
		ArtifactType string
		Config       struct{ MediaType string }
		Layers       []struct {
			MediaType   string
			Annotations map[string]string
		}
		Annotations map[string]string
	}
	if err := json.NewDecoder(a.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	if m.ArtifactType != "application/vnd.cncf.model.manifest.v1+json" || m.Config.MediaType != "application/vnd.cncf.model.config.v1+json" ||
		m.Annotations["org.helix-substrate.root_sha256"] != strings.Repeat("1", 64) {
		t.Errorf("%+v", m)
	}
	for _, l := range m.Layers {
		name := l.Annotations["org.opencontainers.image.title"]
		kind := map[string]string{"config.json": "weight.config", "w.bin": "weight", "README.md": "doc"}[name]
		if l.MediaType != "application/vnd.cncf.model."+kind+".v1.raw" || l.Annotations["org.cncf.model.filepath"] != name {
			t.Errorf("%+v", l)
		}
	}
}

// TestUploads: layers get to registries of all kinds: that take no chunks, lose sessions, want larger chunks, or took a part only.
func TestUploads(t *testing.T) {
	var mu sync.Mutex
	kept := map[string]int64{} // by session
	for name, in := range map[string]func(w http.ResponseWriter, r *http.Request, next http.Handler){
		"without chunks": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodPatch {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			next.ServeHTTP(w, r)
		},
		"large chunks": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("OCI-Chunk-Min-Length", "25000000")
			if r.Method == http.MethodPatch && r.ContentLength < 25000000 && !strings.HasSuffix(r.Header.Get("Content-Range"), "-41943039") {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			next.ServeHTTP(w, r)
		},
		"goes on where it stopped": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			id := r.URL.Path
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.Method == http.MethodGet && strings.Contains(id, "/uploads/"):
				w.Header().Set("Location", id)
				w.Header().Set("Range", fmt.Sprintf("0-%d", kept[id]-1))
				w.WriteHeader(http.StatusNoContent)
			case r.Method == http.MethodPatch && kept[id] == 0: // it keeps a part, and breaks off
				var begin, end int64
				fmt.Sscanf(r.Header.Get("Content-Range"), "%d-%d", &begin, &end)
				part := min(r.ContentLength, 5<<20)
				r.Body = io.NopCloser(io.LimitReader(r.Body, part))
				r.Header.Set("Content-Range", fmt.Sprintf("%d-%d", begin, begin+part-1))
				kept[id] = begin + part
				next.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			default:
				next.ServeHTTP(w, r)
			}
		},
		"loses the first session": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			mu.Lock()
			defer mu.Unlock()
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/uploads/") && kept["lost "+r.Host] == 0 {
				kept["lost "+r.Host] = 1
				w.WriteHeader(http.StatusNotFound)
				return
			}
			next.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, in)
			at, files := s.address(t, "m:v1"), contents()
			if _, _, _, err := push(t, at, "", files); err != nil {
				t.Fatal(err)
			}
			s.in = nil
			if err := expect(t, at, files); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUploadWithoutProgress: a registry that keeps less of each chunk than it should is given up.
func TestUploadWithoutProgress(t *testing.T) {
	for _, kept := range []string{"0-0", "0-1"} {
		s := newServer(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/uploads/") {
				w.Header().Set("Location", r.URL.Path)
				w.Header().Set("Range", kept)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			if r.Method != http.MethodPatch {
				next.ServeHTTP(w, r)
				return
			}
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", r.URL.Path)
			w.Header().Set("Range", kept)
			w.WriteHeader(http.StatusAccepted)
		})
		if _, _, _, err := push(t, s.address(t, "m:v1"), "", contents()); !errors.Is(err, ranges.ErrUnavailable) {
			t.Errorf("%s: %v", kept, err)
		}
	}
}

// TestMount: a layer that another repository has is not sent.
func TestMount(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodHead && strings.HasPrefix(r.URL.Path, "/v2/b/blobs/") {
			w.WriteHeader(http.StatusNotFound) // the registry of the test has one store for all
			return
		}
		if from := r.URL.Query().Get("from"); r.Method == http.MethodPost && from == "models/a" && r.URL.Query().Get("mount") != "" {
			w.WriteHeader(http.StatusCreated)
			return
		}
		next.ServeHTTP(w, r)
	})
	files := contents()
	if _, _, _, err := push(t, s.address(t, "models/a:v1"), "", files); err != nil {
		t.Fatal(err)
	}
	_, sent, mounted, err := push(t, s.address(t, "b:v1"), "models/a", files)
	if err != nil || sent != 0 || mounted != 3 {
		t.Errorf("%d sent, %d mounted, %v", sent, mounted, err)
	}
	if _, sent, mounted, err = push(t, s.address(t, "b:v1"), "models/none", files); err != nil || sent != 3 || mounted != 0 {
		t.Errorf("%d sent, %d mounted, %v", sent, mounted, err)
	}
}

// docker writes a docker configuration with a password for a registry.
func docker(t *testing.T, host, user, password string) {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
}

// TestCredentials: docker's are taken, by password and by token; where blobs are redirected to, and other registries, get none.
func TestCredentials(t *testing.T) {
	var storage *httptest.Server
	var mu sync.Mutex
	leaked := ""
	files := map[string][]byte{"config.json": []byte("{}"), "w.bin": bytes.Repeat([]byte("weights"), 100000)}
	storage = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if leaked += r.Header.Get("Authorization") + r.Header.Get("Cookie"); r.URL.RawQuery != "signature=x" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		for _, text := range files {
			if strings.HasSuffix(r.URL.Path, digest.FromBytes(text).Encoded()) {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
			}
		}
	}))
	defer storage.Close()
	for _, kind := range []string{"basic", "bearer"} {
		s := newServer(t, nil)
		authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:secret"))
		s.in = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			got, want := r.Header.Get("Authorization"), authorization
			if r.URL.Path == "/token" {
				if got != authorization || !strings.Contains(r.URL.Query().Get("scope"), "repository:m:pull") {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				io.WriteString(w, `{"token":"abc"}`)
				return
			}
			challenge := `Basic realm="r"`
			if kind == "bearer" {
				challenge, want = fmt.Sprintf(`Bearer realm="%s/token",service="s",scope="repository:m:pull"`, s.URL), "Bearer abc"
			}
			if got != want {
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, storage.URL+r.URL.Path+"?signature=x", http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		}
		at := s.address(t, "m:v1")
		if _, _, _, err := push(t, at, "", files); !errors.Is(err, oci.ErrCredentials) {
			t.Errorf("%s without credentials: %v", kind, err)
		}
		docker(t, strings.TrimPrefix(s.URL, "http://"), "me", "wrong")
		if _, _, _, err := push(t, at, "", files); !errors.Is(err, oci.ErrCredentials) {
			t.Errorf("%s with wrong credentials: %v", kind, err)
		}
		docker(t, "other.example", "me", "secret")
		if _, _, _, err := push(t, at, "", files); !errors.Is(err, oci.ErrCredentials) {
			t.Errorf("%s with another registry's credentials: %v", kind, err)
		}
		docker(t, strings.TrimPrefix(s.URL, "http://"), "me", "secret")
		if _, _, _, err := push(t, at, "", files); err != nil {
			t.Fatal(kind, err)
		}
		if err := expect(t, at, files); err != nil {
			t.Error(kind, err)
		}
	}
	if leaked != "" {
		t.Errorf("the storage server got %q", leaked)
	}
}

// layer returns the JSON of a layer.
func layer(name, mediaType string) string {
	title, err := json.Marshal(name)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%s","size":3,"annotations":{"org.opencontainers.image.title":%s}}`, mediaType, strings.Repeat("a", 64), title)
}

// TestHostileManifests: names that lead elsewhere are errors, as is what is no artifact of files.
func TestHostileManifests(t *testing.T) {
	const raw = "application/vnd.cncf.model.weight.v1.raw"
	text := ""
	s := newServer(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) { io.WriteString(w, text) })
	at := s.address(t, "m:v1")
	manifest := func(layers ...string) string {
		return `{"schemaVersion":2,"layers":[` + strings.Join(layers, ",") + `]}`
	}
	for _, name := range []string{"../x", "/etc/passwd", `..\x`, "a/../../x", "NUL", "x\x00", "C:x", "a/", "aux.json"} {
		text = manifest(layer("ok", raw), layer(name, raw))
		if _, err := oci.Open(t.Context(), at, quickly); !errors.Is(err, filename.ErrUnsafe) {
			t.Errorf("%q: %v", name, err)
		}
	}
	text = manifest(layer("a", raw), layer("A", raw))
	if _, err := oci.Open(t.Context(), at, quickly); !errors.Is(err, filename.ErrUnsafe) {
		t.Error(err)
	}
	for _, bad := range []string{
		"", "{", "[]", `{"schemaVersion":1,"layers":[]}`, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}`, manifest("{}"), manifest(`"x"`),
		`{"schemaVersion":2,"layers":{}}`, manifest(`{"digest":"md5:x","size":1}`), manifest(strings.Replace(layer("a", raw), `"size":3`, `"size":-3`, 1)),
		`{"schemaVersion":2,"layers":[],"layers":[]}`, strings.Repeat("[", 100000),
	} {
		text = bad
		if _, err := oci.Open(t.Context(), at, quickly); !errors.Is(err, oci.ErrManifest) || strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%.80s: %v", bad, err)
		}
	}
	text = manifest(layer("a.tar", "application/vnd.cncf.model.weight.v1.tar"), layer("", raw), layer("a", raw))
	p, err := oci.Open(t.Context(), at, quickly)
	if err != nil {
		t.Fatal(err)
	}
	if names, _ := p.Names(t.Context()); !slices.Equal(names, []string{"a"}) {
		t.Errorf("%q", names)
	}
	if _, err := oci.Open(t.Context(), s.address(t, "m@sha256:"+strings.Repeat("b", 64)), quickly); !errors.Is(err, ranges.ErrChanged) {
		t.Errorf("another manifest than that of the digest: %v", err)
	}
	text = strings.Repeat(" ", 17<<20)
	if _, err := oci.Open(t.Context(), at, quickly); !errors.Is(err, ranges.ErrResponse) {
		t.Errorf("an endless manifest: %v", err)
	}
}
