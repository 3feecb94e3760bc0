package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// newDemos returns a library of the demo under some names, within a limit.
func newDemos(t *testing.T, limit int64, names ...string) *Library {
	t.Helper()
	var list []Entry
	dir := t.TempDir()
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		list = append(list, Entry{dir, ModelOptions{Name: name, Parallel: 1, Waiting: 20, Engine: transformer.Options{Memory: limit, Context: 128, Threads: 2}}})
	}
	l, err := NewLibrary(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// planned is what the open models take within the limit: that of the plan that was made last.
func (l *Library) planned() (open int, most int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	outside := int64(0)
	for _, e := range l.entries {
		if e.model != nil {
			open++
			outside += e.model.Plan().Outside()
			most = max(most, e.model.Plan().Program)
		}
	}
	return open, outside + most
}

// TestLibrary: requests for three models, of which the limit has room for fewer, are all answered with what the model says
// alone; a model in use stays open, and plans stay within the limit.
func TestLibrary(t *testing.T) {
	one := newDemos(t, 0, "one")
	m, release, err := one.Use(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	release()
	limit := m.Plan().Minimum + 8<<20 // for one, whole, and no other
	l := newDemos(t, limit, "a", "b", "c")
	s, err := NewOf(l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	defer h.Close()
	if status, v := post(t, h.URL+"/v1/completions", `{"model": "d", "prompt": "One day"}`); status != 404 {
		t.Errorf("%d, %v", status, v)
	}
	want := map[int64]string{}
	random := rand.New(rand.NewPCG(2, 2))
	var mu sync.Mutex
	var wait sync.WaitGroup
	opened := map[string]bool{}
	for i := range 18 {
		name, seed := []string{"a", "b", "c"}[i%3], int64(random.IntN(3))
		wait.Go(func() {
			status, v := post(t, h.URL+"/v1/completions", fmt.Sprintf(`{"model": %q, "prompt": "One day", "max_tokens": 12, "seed": %d}`, name, seed))
			text := fmt.Sprint(at(v, "choices", 0, "text"))
			mu.Lock()
			defer mu.Unlock()
			if status != 200 || want[seed] != "" && want[seed] != text {
				t.Errorf("%s, seed %d: %d, %v, %q before", name, seed, status, v, want[seed])
			}
			want[seed] = text
			for _, m := range l.opened() {
				opened[m.Name] = true
			}
			if open, planned := l.planned(); planned > limit {
				t.Errorf("%d models take %d of %d", open, planned, limit)
			}
		})
	}
	wait.Wait()
	if len(opened) < 3 {
		t.Errorf("only %v were open", opened)
	}
}

// TestLibraryReserves: what the server takes is reserved once, however many models are open.
func TestLibraryReserves(t *testing.T) {
	l := newDemos(t, 1<<31, "a", "b", "c")
	var heaps []int64
	for _, name := range []string{"a", "b", "c"} {
		m, release, err := l.Use(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		heaps = append(heaps, m.Plan().Heap())
	}
	if each := heaps[0] - serverMemory; each <= 0 || heaps[1] != heaps[0]+each || heaps[2] != heaps[0]+2*each {
		t.Errorf("%d bytes of the heap, %d of them the server's", heaps, serverMemory)
	}
}

// TestLibraryWaits: a model waits for one in use, and who comes for that one meanwhile waits behind it; the end of a context and
// of the library end the waiting.
func TestLibraryWaits(t *testing.T) {
	one := newDemos(t, 0, "one")
	m, release, err := one.Use(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	release()
	l := newDemos(t, m.Plan().Minimum+8<<20, "a", "b")
	a, leave, err := l.Use(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	b, leaveB, err := l.Use(ctx, "b")
	if err == nil { // streamed beside it
		if !b.Plan().ReadsWeights() {
			t.Errorf("two models whole in %s", memory.FormatSize(a.Plan().Limit))
		}
		leaveB()
	} else if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	leave()
	if _, leave, err = l.Use(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := l.Use(t.Context(), "b"); !errors.Is(err, generate.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestLibraryOpening: who waits for a model to be opened holds no memory that requests for others wait for, and a model that is not open is not opened
// to tell of it.
func TestLibraryOpening(t *testing.T) {
	l := newDemos(t, 0, "a", "b")
	s, err := NewOf(l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	defer h.Close()
	told := func(model string, want int) {
		t.Helper()
		if status, text := fetch(t, "GET", h.URL+"/plan?model="+model, ""); status != want {
			t.Errorf("/plan of %s: %d, %s", model, status, text)
		}
	}
	told("a", 404)
	if status, text := fetch(t, "GET", h.URL+"/props", ""); status != 404 {
		t.Errorf("/props: %d, %s", status, text)
	}
	if open := l.opened(); len(open) > 0 {
		t.Fatalf("%d models are open", len(open))
	}
	loading := func(is bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.loading = is
		l.notify()
	}
	loading(true) // another, for as long as the test wants
	var wait sync.WaitGroup
	for path, body := range map[string]string{
		"/v1/completions": `{"model": "a", "prompt": "One day", "max_tokens": 1}`,
		"/v1/embeddings":  `{"model": "a", "input": "One day"}`,
		"/v1/responses":   `{"model": "a", "input": "One day", "max_output_tokens": 1}`,
		"/v1/messages":    `{"model": "a", "max_tokens": 1, "messages": [{"role": "user", "content": "One day"}]}`,
		"/tokenize":       `{"model": "a", "content": "One day"}`,
	} {
		wait.Go(func() {
			if status, v := post(t, h.URL+path, body); status != 200 && at(v, "error", "type") != "invalid_request_error" { // the demo has no chat template
				t.Errorf("%s: %d, %v", path, status, v)
			}
		})
	}
	for waiting := 0; waiting < 5; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		waiting = len(l.waiting)
		l.mu.Unlock()
	}
	if !s.reading.TryAcquire(int64(s.longest)) {
		t.Error("they hold memory while they wait")
	} else {
		s.reading.Release(int64(s.longest))
	}
	loading(false)
	wait.Wait()
	told("a", 200)
	told("b", 404)
}

// TestLibraryFair: of those who wait for models to be opened the client that has the most loses a place where there is none for another.
func TestLibraryFair(t *testing.T) {
	l := newDemos(t, 0, "a")
	l.mu.Lock()
	l.loading = true // for as long as the test wants
	l.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type ended struct {
		client string
		err    error
	}
	ends := make(chan ended, mostWaiting+2)
	ask := func(client string, now int) {
		go func() {
			_, release, err := l.use(ctx, "a", client, func() error { return nil })
			if err == nil {
				release()
			}
			ends <- ended{client, err}
		}()
		for waiting := 0; waiting < now; time.Sleep(time.Millisecond) {
			l.mu.Lock()
			waiting = len(l.waiting)
			l.mu.Unlock()
		}
	}
	for i := range mostWaiting {
		ask("greedy", i+1)
	}
	for _, client := range []string{"modest", "greedy"} {
		ask(client, mostWaiting)
		if e := <-ends; e.client != "greedy" || !errors.Is(e.err, generate.ErrBusy) {
			t.Errorf("%s comes: %s ended with %v", client, e.client, e.err)
		}
	}
	l.mu.Lock()
	l.loading = false
	l.notify()
	l.mu.Unlock()
	for range mostWaiting {
		if e := <-ends; e.err != nil {
			t.Errorf("%s: %v", e.client, e.err)
		}
	}
}

// TestLibraryPanic: a panic where a model is opened finds the library locked, as what is deferred around it takes it to be.
func TestLibraryPanic(t *testing.T) {
	l := newLibrary()
	l.mu.Lock()
	func() {
		defer func() {
			if recover() == nil || l.mu.TryLock() {
				t.Error("it is not locked")
			}
		}()
		l.unlocked(func() (*Model, error) {
			if !l.mu.TryLock() {
				t.Fatal("it is locked while a model is opened")
			}
			l.mu.Unlock()
			panic("in a model")
		})
	}()
	l.mu.Unlock()
}

// TestLibraryTooSmall: a limit that one of the models has no room in, be it alone, is refused before any is asked for, with both sizes.
func TestLibraryTooSmall(t *testing.T) {
	one := newDemos(t, 0, "one")
	m, release, err := one.Use(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	release()
	fits := Entry{one.entries[0].Path, ModelOptions{Name: "a", Parallel: 1, Waiting: 20, Engine: transformer.Options{Memory: m.Plan().Minimum + 1<<20, Context: 128, Threads: 2}}}
	small := fits
	small.Name, small.Engine.Context = "b", 2048
	if l, err := NewLibrary(t.Context(), []Entry{fits}); err != nil {
		t.Error(err)
	} else {
		l.Close()
	}
	_, err = NewLibrary(t.Context(), []Entry{fits, small})
	if !errors.Is(err, memory.ErrLimit) || !strings.Contains(err.Error(), small.Path) || !strings.Contains(err.Error(), "at least") || !strings.Contains(err.Error(), memory.FormatSize(m.Plan().Minimum+1<<20)) {
		t.Errorf("%v", err)
	}
}
