package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/helix-substrate/helix-substrate/internal/openai"
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

// TestSlowReaders: who takes a large answer slowly loses it once others wait for the room that it holds, and they get it.
func TestSlowReaders(t *testing.T) {
	const patience = 500 * time.Millisecond
	s, err := New([]*Model{openDemo(t, ModelOptions{})}, Options{Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	h := s.holder(io.Discard)
	h.until = time.Now().Add(-time.Hour)
	if _, err := h.Write([]byte("x")); err != nil {
		t.Errorf("nobody waits: %v", err)
	}
	dial := pipes(t, s)
	m := s.library.entries[0].model
	body := `{"model": "demo", "input": [` + strings.Repeat(`"a", `, 999) + `"a"]}`
	s.mostHeld = m.embeddingCost(&openai.Embeddings{Texts: make([]string, 1000)}, len(body))
	s.holding = semaphore.NewWeighted(s.mostHeld)

	slow := dial()
	slow.SetDeadline(time.Now().Add(giveUp))
	fmt.Fprintf(slow, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	answer := bufio.NewReaderSize(slow, 16)
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	other := make(chan string)
	go func() {
		c := dial()
		const small = `{"model": "demo", "input": "a"}`
		fmt.Fprintf(c, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(small), small)
		line, _ := bufio.NewReader(c).ReadString('\n')
		other <- line
	}()
	whole := 0
	for buffer := make([]byte, 1024); ; time.Sleep(time.Millisecond) { // 64 KiB are taken in far less than the patience
		n, err := answer.Read(buffer)
		if whole += n; err != nil {
			break
		}
	}
	if line := <-other; !strings.Contains(line, "200") {
		t.Errorf("%q", line)
	}
	if vectors := 1000 * m.embedder.Width(); whole > 5*vectors {
		t.Errorf("%d bytes were taken, of %d values", whole, vectors)
	}
}

// pipes serves connections without buffers, which what it returns makes.
func pipes(t *testing.T, s *Server) (dial func() net.Conn) {
	l := &pipeListener{make(chan net.Conn), t.Context()}
	h := &http.Server{Handler: s}
	go h.Serve(l)
	t.Cleanup(func() { h.Close() })
	return func() net.Conn {
		here, there := net.Pipe()
		l.connections <- there
		return here
	}
}

// pipeListener has the ends of pipes.
type pipeListener struct {
	connections chan net.Conn
	ctx         context.Context
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
