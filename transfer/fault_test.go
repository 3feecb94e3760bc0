package transfer

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/hub/hubtest"
	"github.com/helix-substrate/helix-substrate/internal/oci"
	"github.com/helix-substrate/helix-substrate/internal/s3"
	"github.com/helix-substrate/helix-substrate/internal/s3/s3test"
)

// faultRuns is how many faulty servers of each kind are asked: HELIX_FAULTS, else 12.
func faultRuns(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HELIX_FAULTS")
	if text == "" {
		return 12
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// proxy stands before a server and does what networks and servers do that are broken.
type proxy struct {
	next   http.Handler
	mu     sync.Mutex
	random *rand.Rand
	chance float64
}

// draw returns a fault, 0 for none, and a number from 0 to 1 for its details.
func (p *proxy) draw() (fault int, at float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.random.Float64() < p.chance {
		fault = 1 + p.random.IntN(9)
	}
	return fault, p.random.Float64()
}

func (p *proxy) set(chance float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chance = chance
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, at := p.draw()
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch n := int(at * float64(len(sent))); {
	case fault == 1:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "later", []int{429, 503}[int(2*at)])
		return
	case fault == 2:
		panic(http.ErrAbortHandler)
	case fault == 3 && len(sent) > 0: // flipped on the way there
		sent[n] ^= 1 << (n % 8)
	case fault == 4 && len(sent) > 0: // cut off on the way there, and the server has a part
		r.ContentLength = int64(n)
		r.Body = io.NopCloser(bytes.NewReader(sent[:n]))
		p.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	recorded := httptest.NewRecorder()
	p.next.ServeHTTP(recorded, r)
	body, header := recorded.Body.Bytes(), recorded.Header()
	n := int(at * float64(len(body)))
	switch {
	case fault == 5: // all was done, and the answer is lost
		panic(http.ErrAbortHandler)
	case fault == 6 && len(body) > 0:
		body[n] ^= 1 << (n % 8)
	case fault == 7 && len(body) > 0:
		header.Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:n]
	case fault == 8:
		header.Set("Content-Range", "bytes 7-9/123456")
	case fault == 9:
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

// line checks that an error is one line for people.
func line(t *testing.T, seed int, err error) {
	t.Helper()
	if text := err.Error(); strings.ContainsAny(text, "\n\r\x00") || len(text) > 1500 {
		t.Errorf("seed %d: %q", seed, text)
	}
}

// faulty sends and fetches the model through a proxy, again and again until it is there, and then without faults: what then comes
// is the model.
func faulty(t *testing.T, seed int, p *proxy, to func() (target, error), at func() (checkpoint.Location, error)) (failures int) {
	t.Helper()
	dir, root := source(t)
	const most = 20
	chance := []float64{0, 0.01, 0.05, 0.2}[seed%4]
	p.set(chance)
	for try := 0; ; try++ {
		if try == most {
			p.set(0)
		}
		place, err := to()
		if err == nil {
			_, err = push(t.Context(), dir, place, PushOptions{})
		}
		if err == nil {
			break
		}
		line(t, seed, err)
		if failures++; try == most {
			t.Fatalf("seed %d: without faults: %v", seed, err)
		}
	}
	out := filepath.Join(t.TempDir(), "copy")
	p.set(chance)
	for try := 0; ; try++ {
		if try == most {
			p.set(0)
		}
		from, err := at()
		if err == nil {
			_, err = PullAt(t.Context(), from, out, PullOptions{Root: root})
		}
		if err == nil {
			break
		}
		line(t, seed, err)
		if failures++; try == most {
			t.Fatalf("seed %d: without faults: %v", seed, err)
		}
	}
	same(t, out, dir)
	return failures
}

// TestRegistryFaults: whatever a registry and the way there do, a model that was sent is there, and one that was fetched is right;
// else there is one line that says why not, and the next try goes on.
func TestRegistryFaults(t *testing.T) {
	failures := 0
	for seed := range faultRuns(t) {
		p := &proxy{random: rand.New(rand.NewPCG(uint64(seed), 21))}
		name := newRegistry(t, func(next http.Handler) http.Handler {
			p.next = next
			return p
		})
		address, err := oci.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		failures += faulty(t, seed, p,
			func() (target, error) { return newArtifact(address, PushOptions{}, quickly) },
			func() (l checkpoint.Location, err error) {
				place, err := oci.Open(t.Context(), address, quickly)
				if err != nil {
					return l, err
				}
				return checkpoint.At(t.Context(), place, name)
			})
	}
	t.Logf("%d tries failed", failures)
}

// TestStoreFaults: the same of an object store.
func TestStoreFaults(t *testing.T) {
	failures := 0
	for seed := range faultRuns(t) / 2 { // the store's client waits between its tries
		p := &proxy{random: rand.New(rand.NewPCG(uint64(seed), 23))}
		s3test.New(t, func(next http.Handler) http.Handler {
			p.next = next
			return p
		})
		const address = "s3://" + s3test.Bucket + "/tiny"
		o := s3.Options{Retry: quickly.Retry, Stall: quickly.Stall}
		o.Retry.Attempts = 1
		failures += faulty(t, seed, p,
			func() (target, error) { return newBucket(address, o) },
			func() (l checkpoint.Location, err error) {
				place, err := s3.Open(s3test.Bucket, "tiny", o)
				if err != nil {
					return l, err
				}
				return checkpoint.At(t.Context(), place, address)
			})
	}
	t.Logf("%d tries failed", failures)
}

// TestHubFaults: the same of a hub, for sending; what it does to those who fetch is told in package hub.
func TestHubFaults(t *testing.T) {
	failures := 0
	for seed := range faultRuns(t) {
		s, address := newHub(t)
		dir, root := source(t)
		random := rand.New(rand.NewPCG(uint64(seed), 22))
		for _, place := range []hubtest.Place{hubtest.API, hubtest.Commit, hubtest.Upload} {
			for range random.IntN(4) {
				s.Inject(place, 1+random.IntN(3), []hubtest.Fault{
					hubtest.Status(503, "Retry-After", "0"), hubtest.Status(429), hubtest.Drop(0), hubtest.Drop(10), hubtest.Corrupt(5), hubtest.Status(500), hubtest.Body("{}"), hubtest.Body(""),
				}[random.IntN(8)])
			}
		}
		var r *Pushed
		for try := 0; r == nil; try++ {
			if try == 20 {
				s.Heal()
			}
			repo, err := hub.ParseRepo(strings.TrimPrefix(address, "hf://"))
			if err != nil {
				t.Fatal(err)
			}
			client := &hub.Client{Endpoint: s.URL, Token: "hf_x", Retry: quickly.Retry, Stall: quickly.Stall}
			if r, err = push(t.Context(), dir, &repository{client: client, repo: repo}, PushOptions{}); err != nil {
				line(t, seed, err)
				if failures++; try > 20 {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		s.Heal()
		out := filepath.Join(t.TempDir(), "copy")
		if _, err := Pull(t.Context(), address, out, PullOptions{Root: root}); err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		same(t, out, dir)
		s.Close()
	}
	t.Logf("%d tries failed", failures)
}
