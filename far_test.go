package helix_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/internal/s3/s3test"
	"github.com/helix-substrate/helix-substrate/model"
)

var farRuns = flag.Int("far-runs", 40, "how many faulty servers TestFarFaults asks")

// serveDir serves a directory as a web server does.
func serveDir(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// tag gives every answer an ETag, as most servers do.
func tag(next http.Handler, tag string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		next.ServeHTTP(w, r)
	})
}

// continueText opens a model and lets it go on with a text.
func continueText(ctx context.Context, path string, o helix.ModelOptions) (string, error) {
	m, err := helix.Open(ctx, path, o)
	if err != nil {
		return "", err
	}
	defer m.Close()
	var text strings.Builder
	for piece, err := range m.Generate(ctx, "Once upon a time", helix.GenerateOptions{MaxTokens: 4}) {
		if err != nil {
			return "", err
		}
		text.WriteString(piece)
	}
	return text.String(), nil
}

// farModel converts the test's checkpoint and returns the directory, its root, and what it says.
func farModel(t *testing.T) (dir, root, text string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "model")
	if _, err := helix.Convert(t.Context(), checkpoint(t), dir, helix.Options{Method: "entropy"}); err != nil {
		t.Fatal(err)
	}
	d, err := helix.Inspect(t.Context(), dir, helix.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if text, err = continueText(t.Context(), dir, helix.ModelOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir, d.Model.Root(), text
}

func TestFar(t *testing.T) {
	dir, root, want := farModel(t)
	at := serveDir(t, tag(http.FileServer(http.Dir(filepath.Dir(dir))), `"1"`)) + "/model"
	if got, err := continueText(t.Context(), at, helix.ModelOptions{Root: root}); err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if v, err := helix.Verify(t.Context(), at+"/", helix.VerifyOptions{Root: root}); err != nil || len(v.Checks) == 0 {
		t.Errorf("%v", err)
	} else {
		for _, c := range v.Checks {
			if c.Err != nil {
				t.Error(c.Err)
			}
		}
	}
	if d, err := helix.Inspect(t.Context(), at, helix.InspectOptions{Root: root}); err != nil || d.Model == nil {
		t.Errorf("%v", err)
	}
	other := strings.Repeat("0", 64)
	for _, path := range []string{at, dir} {
		_, open := helix.Open(t.Context(), path, helix.ModelOptions{Root: other})
		_, verify := helix.Verify(t.Context(), path, helix.VerifyOptions{Root: other})
		_, inspect := helix.Inspect(t.Context(), path, helix.InspectOptions{Root: other})
		for _, err := range []error{open, verify, inspect} {
			if !errors.Is(err, helix.ErrRoot) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	for address, want := range map[string]error{
		"http://192.0.2.1/model": helix.ErrAddress, "https://user:secret@host/model": helix.ErrAddress, at + "?x": helix.ErrAddress,
	} {
		if _, err := helix.Open(t.Context(), address, helix.ModelOptions{}); !errors.Is(err, want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestFarRootScheme: a root that does not cover the matrices, as of earlier releases, is none: here where one is asked for, far
// from here always. What lies here and is no model directory has none either, nor is a draft read that no root says.
func TestFarRootScheme(t *testing.T) {
	dir, _, _ := farModel(t)
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Manifest.RootScheme, m.Manifest.RootSHA256 = 0, ""
	if err := m.Manifest.Write(dir); err != nil {
		t.Fatal(err)
	}
	at := serveDir(t, tag(http.FileServer(http.Dir(dir)), `"1"`)) + "/"
	root := m.Manifest.Root()
	matrices, err := filepath.Glob(filepath.Join(dir, "*.hxz"))
	if err != nil || len(matrices) == 0 {
		t.Fatal(matrices, err)
	}
	if _, err := helix.Inspect(t.Context(), dir, helix.InspectOptions{}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ path, root string }{{dir, root}, {at, root}, {at, ""}, {matrices[0], root}} {
		if _, err := helix.Inspect(t.Context(), c.path, helix.InspectOptions{Root: c.root}); !errors.Is(err, helix.ErrRoot) {
			t.Errorf("%s with the root %q: %v", c.path, c.root, err)
		}
	}
	if _, err := helix.Open(t.Context(), dir, helix.ModelOptions{Draft: at}); err == nil {
		t.Error("a draft far from here was read")
	}
}

// faultyServer does what servers do that are broken, or lie.
type faultyServer struct {
	next   http.Handler
	mu     sync.Mutex
	random *rand.Rand
	chance float64
}

func (s *faultyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault, at := -1, s.random.Float64()
	if s.random.Float64() < s.chance {
		fault = s.random.IntN(8)
	}
	s.mu.Unlock()
	if fault == 0 {
		w.Header().Set("Retry-After", "0")
		http.Error(w, "later", []int{429, 503}[int(2*at)])
		return
	}
	if fault == 1 {
		panic(http.ErrAbortHandler)
	}
	recorded := httptest.NewRecorder()
	s.next.ServeHTTP(recorded, r)
	body := recorded.Body.Bytes()
	header := recorded.Header()
	header.Set("Content-Length", strconv.Itoa(len(body)))
	flipped := int(at * float64(len(body)))
	switch status := recorded.Code; {
	case fault == 2 && len(body) > 0: // truncated
		body = body[:flipped]
	case fault == 3 && len(body) > 0: // a flipped bit
		body[flipped] ^= 1 << (flipped % 8)
	case fault == 4:
		header.Set("Content-Range", "bytes 7-"+strconv.Itoa(6+len(body))+"/123456")
	case fault == 5:
		header.Set("ETag", `"2"`)
	case fault == 6 && status == http.StatusPartialContent: // the whole file, or what claims to be that
		recorded.Code = http.StatusOK
	case fault == 7:
		http.NotFound(w, r)
		return
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(recorded.Code)
	w.Write(body)
	if len(body) < recorded.Body.Len() {
		panic(http.ErrAbortHandler)
	}
}

// TestFarFaults: whatever a server does, a model that it serves says what it says here, or opening or
// reading it is an error in one line.
func TestFarFaults(t *testing.T) {
	dir, root, want := farModel(t)
	right := 0
	for seed := range *farRuns {
		s := &faultyServer{next: tag(http.FileServer(http.Dir(dir)), `"1"`), random: rand.New(rand.NewPCG(uint64(seed), 21)), chance: []float64{0, 0.003, 0.02, 0.1}[seed%4]}
		server := httptest.NewServer(s)
		server.Config.ErrorLog = nil
		o := helix.ModelOptions{Threads: 1}
		if seed%2 == 0 {
			o.Root = root
		}
		got, err := continueText(t.Context(), server.URL+"/", o)
		switch {
		case err == nil && got != want:
			t.Errorf("seed %d: %q, want %q", seed, got, want)
		case err == nil:
			right++
		case strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 1000:
			t.Errorf("seed %d: %q", seed, err)
		}
		server.CloseClientConnections()
		server.Close()
	}
	t.Logf("%d of %d were right, the others failed", right, *farRuns)
	if right < *farRuns/4 {
		t.Errorf("only %d of %d were right", right, *farRuns)
	}
}

// TestFarLies: a server that answers with another file after a while, with the version and length of the first, only fails.
func TestFarLies(t *testing.T) {
	dir, _, want := farModel(t)
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	right := tag(http.FileServer(http.Dir(dir)), `"1"`)
	for _, after := range []int{1, 5, 20} {
		var mu sync.Mutex
		asked := 0
		at := serveDir(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked++
			lies := asked > after
			mu.Unlock()
			recorded := httptest.NewRecorder()
			right.ServeHTTP(recorded, r)
			for name, values := range recorded.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(recorded.Code)
			body := recorded.Body.Bytes()
			if lies {
				copy(body, manifest)
			}
			w.Write(body)
		}))
		if got, err := continueText(t.Context(), at+"/", helix.ModelOptions{}); err == nil {
			t.Errorf("after %d: %q, want an error (right is %q)", after, got, want)
		}
	}
}

// TestFarObjects: a model in an object store, as a directory, as a checkpoint's files that the store lists, and as a file of these.
func TestFarObjects(t *testing.T) {
	dir, root, want := farModel(t)
	source := checkpoint(t)
	store := s3test.New(t, nil)
	store.PutDir(t, "a/model", dir)
	store.PutDir(t, "a/source", source)
	if got, err := continueText(t.Context(), "s3://models/a/model", helix.ModelOptions{Root: root}); err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	want, err := continueText(t.Context(), source, helix.ModelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	weights, err := filepath.Glob(filepath.Join(source, "*.safetensors"))
	if err != nil || len(weights) != 1 {
		t.Fatal(weights, err)
	}
	for _, name := range []string{"s3://models/a/source/", "s3://models/a/source/" + filepath.Base(weights[0])} {
		if got, err := continueText(t.Context(), name, helix.ModelOptions{}); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := helix.Inspect(t.Context(), "s3://models/a/nothing", helix.InspectOptions{}); !errors.Is(err, helix.ErrNoCheckpoint) {
		t.Error(err)
	}
	if _, err := helix.Inspect(t.Context(), "s3://nobody/a", helix.InspectOptions{}); !errors.Is(err, helix.ErrBucket) {
		t.Error(err)
	}
}
