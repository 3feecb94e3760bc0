package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestCORS: pages of the origins that are named may ask and read, those of others may not.
func TestCORS(t *testing.T) {
	h, s := start(t, ModelOptions{}, Options{Origins: []string{"https://good.example"}, Keys: []string{"one"}})
	for _, c := range []struct {
		method, origin, key string
		status              int
		allowed             string
	}{
		{"OPTIONS", "https://good.example", "", 204, "https://good.example"},
		{"OPTIONS", "https://bad.example", "", 401, ""},
		{"POST", "https://good.example", "one", 200, "https://good.example"},
		{"POST", "https://good.example", "two", 401, "https://good.example"},
		{"POST", "https://bad.example", "one", 403, ""},
		{"POST", "", "one", 200, ""},
	} {
		q, _ := http.NewRequest(c.method, h.URL+"/tokenize", strings.NewReader(`{"content": "x"}`))
		q.Header.Set("X-Api-Key", c.key)
		if c.origin != "" {
			q.Header.Set("Origin", c.origin)
		}
		if c.method == "OPTIONS" {
			q.Header.Set("Access-Control-Request-Method", "POST")
			q.Header.Set("Access-Control-Request-Headers", "x-api-key")
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		asked := c.status == 204
		if r.StatusCode != c.status || r.Header.Get("Access-Control-Allow-Origin") != c.allowed || (r.Header.Get("Access-Control-Allow-Headers") == "x-api-key") != asked || r.Header.Get("Vary") != "Origin" {
			t.Errorf("%+v: %d, %v", c, r.StatusCode, r.Header)
		}
	}
	if _, err := NewOf(s.library, Options{Origins: []string{"*"}}); !errors.Is(err, ErrOption) {
		t.Errorf("any origin: %v", err)
	}
}

// TestSlowClients: who takes all connections and sends a request letter by letter, or not at all, loses them, and others are answered.
func TestSlowClients(t *testing.T) {
	address := serve(t, Options{Connections: 4, HeaderTime: 200 * time.Millisecond, Patience: 200 * time.Millisecond})
	var wait sync.WaitGroup
	connected := make(chan struct{}, 8)
	for i := range 8 {
		wait.Go(func() {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			head := "POST /tokenize HTTP/1.1\r\nHost: localhost\r\n"
			if i%2 == 0 {
				head += "Content-Length: 100\r\n\r\n{"
			}
			io.WriteString(c, head)
			connected <- struct{}{}
			for { // until the server has had enough
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
				c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				if _, err := c.Read(make([]byte, 1<<10)); err != nil && !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
					return
				}
			}
		})
	}
	for range 8 {
		<-connected
	}
	if status, v := post(t, "http://"+address+"/tokenize", `{"content": "x"}`); status != 200 {
		t.Errorf("%d, %v", status, v)
	}
	wait.Wait()
}

// TestArriving: bodies that do not come to an end take no more memory than is planned, and it is free when their clients have gone.
func TestArriving(t *testing.T) {
	h, s := start(t, ModelOptions{}, Options{})
	s.mostArriving = 5000
	slow, write := io.Pipe()
	q, err := http.NewRequest("POST", h.URL+"/tokenize", slow)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if r, err := http.DefaultClient.Do(q); err == nil {
			r.Body.Close()
		}
	}()
	if _, err := io.WriteString(write, `{"content": "`+strings.Repeat("x", 4000)); err != nil {
		t.Fatal(err)
	}
	until := func(bytes int64) {
		for s.arriving.Load() != bytes {
			time.Sleep(time.Millisecond)
		}
	}
	until(4013)
	body := `{"content": "` + strings.Repeat("dog ", 400) + `"}`
	if status, v := post(t, h.URL+"/tokenize", body); status != 503 {
		t.Errorf("beside it: %d, %v", status, v)
	}
	write.CloseWithError(errors.New("gone"))
	<-ended
	until(0)
	if status, v := post(t, h.URL+"/tokenize", body); status != 200 {
		t.Errorf("alone: %d, %v", status, v)
	}
	// One that is whole and waits to be read counts, too, of whichever path.
	if err := s.reading.Acquire(t.Context(), int64(s.longest)); err != nil {
		t.Fatal(err)
	}
	words := strings.Repeat("dog ", 60)
	for _, c := range [][2]string{
		{"/tokenize", `{"content": "` + words + `"}`}, {"/v1/embeddings", `{"model": "demo", "input": "` + words + `"}`}, {"/v1/completions", `{"model": "demo", "max_tokens": 1, "prompt": "` + words + `"}`},
	} {
		s.mostArriving = int64(len(c[1]))
		waited := make(chan int)
		go func() {
			status, _ := post(t, h.URL+c[0], c[1])
			waited <- status
		}()
		until(s.mostArriving)
		if status, v := post(t, h.URL+"/tokenize", `{"content": "x"}`); status != 503 {
			t.Errorf("beside one for %s that waits: %d, %v", c[0], status, v)
		}
		s.reading.Release(int64(s.longest))
		if status := <-waited; status != 200 {
			t.Errorf("%s: %d", c[0], status)
		}
		until(0)
		if err := s.reading.Acquire(t.Context(), int64(s.longest)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEmbeddingMemory: texts and vectors of all requests for embeddings take no more memory than is planned, and no request takes more.
func TestEmbeddingMemory(t *testing.T) {
	h, s := start(t, ModelOptions{}, Options{})
	const body = `{"model": "demo", "input": ["a", "b"]}`
	m := s.library.entries[0].model
	cost := m.embeddingCost(&openai.Embeddings{Texts: []string{"a", "b"}}, len(body))
	if vectors := int64(2 * 4 * m.batch.Model.Config.Hidden); cost < vectors+2*8 || cost > vectors+8*int64(len(body)+200) {
		t.Errorf("%d bytes", cost)
	}
	s.mostHeld = cost - 1
	if status, v := post(t, h.URL+"/v1/embeddings", body); status != 400 || !strings.Contains(fmt.Sprint(at(v, "error", "message")), "send fewer") {
		t.Errorf("%d, %v", status, v)
	}
	s.mostHeld = cost
	s.holding = semaphore.NewWeighted(cost)
	if err := s.holding.Acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	answered := make(chan int)
	go func() {
		status, _ := post(t, h.URL+"/v1/embeddings", body)
		answered <- status
	}()
	select {
	case status := <-answered:
		t.Errorf("there was no room, and it is answered: %d", status)
	case <-time.After(50 * time.Millisecond):
		s.holding.Release(1)
		if status := <-answered; status != 200 {
			t.Errorf("%d", status)
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// serve has the demo served by Serve until the test ends, and returns its address.
func serve(t *testing.T, o Options) string {
	t.Helper()
	s, err := New([]*Model{openDemo(t, ModelOptions{})}, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, time.Second) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// giveUp is when a test stops waiting for a server that never would end a connection.
const giveUp = time.Minute

// TestUnsentBodies: who announces a body and does not send it loses the connection, whether the body would have been read or not.
func TestUnsentBodies(t *testing.T) {
	address := serve(t, Options{Keys: []string{"one"}, Patience: 100 * time.Millisecond})
	var wait sync.WaitGroup
	for _, c := range []struct{ line, key, body string }{
		{"POST /tokenize", "two", "Content-Length: 100\r\n\r\n"},
		{"POST /tokenize", "two", "Transfer-Encoding: chunked\r\n\r\n"},
		{"POST /absent", "one", "Content-Length: 100\r\n\r\n"},
		{"GET /health", "", "Content-Length: 100\r\n\r\n"},
		{"POST /tokenize", "one", "Content-Length: 100\r\n\r\n{"},
	} {
		wait.Go(func() {
			k, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer k.Close()
			k.SetDeadline(time.Now().Add(giveUp))
			io.WriteString(k, c.line+" HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: "+c.key+"\r\n"+c.body)
			if answer, err := io.ReadAll(k); isTimeout(err) {
				t.Errorf("%+v: the connection is still there, after %q", c, answer)
			}
		})
	}
	wait.Wait()
}

// TestUnreadAnswers: who asks on and on and reads no answer, be it a header alone, loses the connection, and the next is answered.
func TestUnreadAnswers(t *testing.T) {
	for _, tag := range []string{"none", "same"} {
		t.Run(tag, func(t *testing.T) {
			address := serve(t, Options{Connections: 1, Patience: 500 * time.Millisecond})
			if tag == "same" { // then the page has not changed
				page, err := http.Get("http://" + address + "/")
				if err != nil {
					t.Fatal(err)
				}
				page.Body.Close()
				tag = page.Header.Get("ETag")
				http.DefaultClient.CloseIdleConnections()
			}
			k, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			var wait sync.WaitGroup
			defer wait.Wait()
			defer k.Close()
			wait.Go(func() {
				requests := strings.Repeat("GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "+tag+"\r\n\r\n", 100)
				for {
					if _, err := io.WriteString(k, requests); err != nil {
						return
					}
				}
			})
			other := http.Client{Timeout: giveUp}
			defer other.CloseIdleConnections()
			for until := time.Now().Add(giveUp); ; { // on a slow machine its own request may come too late, too
				r, err := other.Get("http://" + address + "/health")
				if err == nil {
					r.Body.Close()
					break
				}
				if time.Now().After(until) {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestNothingLeaks: after many clients that go at any time, nothing of them is left: goroutines, places, memory that requests hold.
func TestNothingLeaks(t *testing.T) {
	h, s := start(t, ModelOptions{Parallel: 3, Engine: transformer.Options{Context: 512}}, Options{})
	bodies := map[string]string{
		"/v1/chat/completions": `{"model": "demo", "stream": true, "max_tokens": 200, "messages": [{"role": "user", "content": "Hi %d"}]}`,
		"/v1/completions":      `{"model": "demo", "n": 2, "max_tokens": 100, "prompt": "Once %d", "grammar": "root ::= [a-z ]{100}"}`,
		"/v1/responses":        `{"model": "demo", "stream": true, "max_output_tokens": 200, "input": "Hi %d"}`,
		"/v1/messages":         `{"model": "demo", "stream": true, "max_tokens": 200, "messages": [{"role": "user", "content": "Hi %d"}]}`,
		"/v1/embeddings":       `{"model": "demo", "input": "A dog %d"}`,
	}
	if status, v := post(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "x", "max_tokens": 1, "grammar": "root ::= \"a\""}`); status != 200 {
		t.Fatal(v)
	}
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	until := time.Now().Add(3 * time.Second)
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for time.Now().Before(until) {
				for path, body := range bodies {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(60))*time.Millisecond)
					q, _ := http.NewRequestWithContext(ctx, "POST", h.URL+path, strings.NewReader(fmt.Sprintf(body, random.IntN(5))))
					if r, err := transport.RoundTrip(q); err == nil {
						if r.StatusCode != 200 && r.StatusCode != 503 && r.StatusCode != 529 {
							text, _ := io.ReadAll(r.Body)
							t.Errorf("%s: %d, %s", path, r.StatusCode, text)
						}
						bufio.NewReader(r.Body).ReadString('\n')
						r.Body.Close()
					}
					cancel()
				}
			}
		})
	}
	wait.Wait()
	m := s.library.entries[0].model
	for range 1000 {
		if active, waiting := m.scheduler.Load(); active+waiting == 0 && runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if active, waiting := m.scheduler.Load(); active+waiting > 0 {
		t.Errorf("%d texts are under way, %d wait", active, waiting)
	}
	if n := runtime.NumGoroutine(); n > before {
		all := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before:\n%s", n, before, all[:runtime.Stack(all, true)])
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second) // a handler may be about to return still
	defer cancel()
	if m.formed.Acquire(soon, formedPerPlace*3) != nil || s.reading.Acquire(soon, int64(s.longest)) != nil {
		t.Errorf("something is held")
	}
}
