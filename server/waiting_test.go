package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// waits are the kinds of requests that wait for what may take its time.
var waits = map[string]struct{ path, body string }{
	"a model to be opened": {"/v1/completions", `{"model": "b", "prompt": "x", "max_tokens": 1`},
	"a message's model":    {"/v1/messages", `{"model": "b", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1`},
	"a response's model":   {"/v1/responses", `{"model": "b", "input": "x"`},
	"vectors' model":       {"/v1/embeddings", `{"model": "b", "input": "x"`},
	"tokens' model":        {"/tokenize", `{"model": "b", "content": "x"`},
	"room for vectors":     {"/v1/embeddings", `{"model": "a", "input": "x"`},
	"room for tokens":      {"/tokenize", `{"model": "a", "content": "x"`},
	"room for a text":      {"/detokenize", `{"model": "a", "tokens": [5]`},
	"room for a prompt":    {"/apply-template", `{"model": "a", "messages": [{"role": "user", "content": "x"}]`},
}

// startWaiting serves the demo as a, which is open, and as b, which is not opened for as long as the test is on; and there is no room.
func startWaiting(t *testing.T, most time.Duration) (string, *Server) {
	l := newDemos(t, 0, "a", "b")
	for _, e := range l.entries {
		e.MaxWait = most
	}
	s, err := NewOf(l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	_, release, err := l.Use(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	release()
	loading := func(is bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.loading = is
		l.notify()
	}
	loading(true)
	t.Cleanup(func() { loading(false) })
	if !s.holding.TryAcquire(s.mostHeld) {
		t.Fatal("something is held")
	}
	return h.URL, s
}

// padded is a body of so many bytes.
func padded(body string, bytes int) string {
	body += `, "pad": "`
	return body + strings.Repeat("x", bytes-len(body)-2) + `"}`
}

// TestWaitingBodies: bodies of requests that wait leave half of their room to others, and no request gets more; all of it is free when their clients have gone.
func TestWaitingBodies(t *testing.T) {
	url, s := startWaiting(t, 0)
	const size = 4000
	s.mostArriving = 4 * size
	for what, c := range waits {
		ctx, cancel := context.WithTimeout(t.Context(), giveUp)
		defer cancel()
		var wait sync.WaitGroup
		refused := make(chan string, 4)
		for range 4 {
			wait.Go(func() {
				q, _ := http.NewRequestWithContext(ctx, "POST", url+c.path, strings.NewReader(padded(c.body, size)))
				if r, err := http.DefaultClient.Do(q); err == nil {
					text, _ := io.ReadAll(r.Body)
					r.Body.Close()
					refused <- fmt.Sprint(r.StatusCode, string(text))
				}
			})
		}
		for range 2 {
			select {
			case text := <-refused:
				if !strings.Contains(text, "requests wait") || !strings.HasPrefix(text, "503") && !strings.HasPrefix(text, "529") {
					t.Fatalf("%s: %s", what, text)
				}
			case <-ctx.Done():
				t.Fatalf("more than half of the room is of requests that wait for %s", what)
			}
		}
		for s.parked.Load() != 2*size {
			time.Sleep(time.Millisecond)
		}
		if status, v := post(t, url+"/v1/completions", padded(`{"model": "a", "prompt": "x", "max_tokens": 1`, size)); status != 200 {
			t.Errorf("beside requests that wait for %s: %d, %v", what, status, v)
		}
		cancel()
		wait.Wait()
		for s.parked.Load() != 0 || s.arriving.Load() != 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// TestWaitingEnds: no request waits for longer than is said.
func TestWaitingEnds(t *testing.T) {
	url, s := startWaiting(t, time.Millisecond)
	for what, c := range waits {
		status, v := post(t, url+c.path, c.body+"}")
		if text := fmt.Sprint(at(v, "error", "message")); status != 503 && status != 529 || !strings.Contains(text, "within 1ms") {
			t.Errorf("%s: %d, %v", what, status, v)
		}
	}
	if s.parked.Load() != 0 || s.arriving.Load() != 0 {
		t.Error("something is held")
	}
}
