//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/memory"
)

// TestSoak has 64 clients ask a server of two models for a while, HELIX_SOAK long: short and long texts, forms, embeddings, some that are given up, some whose connection breaks,
// some that are too large. No error is undeserved, and afterwards nothing is left of it: no goroutine, no key or value that is held, no memory above the limit.
func TestSoak(t *testing.T) {
	const limit = 320 << 20
	lasts := time.Second
	if text := os.Getenv("HELIX_SOAK"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := serveSoaked(t, limit)
	s.soak(t, 1, 2*time.Second) // what is made once is there
	before := s.settle(t, math.Inf(1))
	var wait sync.WaitGroup
	end := time.Now().Add(lasts)
	for next := time.Now().Add(time.Minute); ; next = next.Add(time.Minute) {
		until := next
		if until.After(end) {
			until = end
		}
		for i := range soakers {
			wait.Go(func() { s.soak(t, uint64(i)+2+uint64(until.Unix())<<8, time.Until(until)) })
		}
		wait.Wait()
		after := s.settle(t, before["helix_goroutines"]+2) // the runtime's own come and go
		t.Logf("%d requests: %v", s.asked(), after)
		if until == end || t.Failed() {
			break
		}
	}
	if peak := s.metrics(t)["helix_memory_peak_bytes"]; peak > limit {
		t.Errorf("a peak of %s", memory.FormatSize(int64(peak)))
	}
	s.end(t)
}

// soakers are clients at a time, of one address; each has two texts made at most.
const soakers = 64

// soaked is a server that is asked, and what was asked of it.
type soaked struct {
	address string
	cmd     *exec.Cmd
	stderr  bytes.Buffer

	mu    sync.Mutex
	kinds map[string]int
}

// serveSoaked serves the demo's model under two names, from the built binary.
func serveSoaked(t *testing.T, limit int64) *soaked {
	t.Helper()
	binary, err := exec.LookPath("helix-substrate")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := demo.Extract(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := &soaked{kinds: map[string]int{}}
	s.cmd = exec.Command(binary, "serve", "a", "b", "--listen", "127.0.0.1:0", "--waiting", fmt.Sprint(2*soakers), "--memory", fmt.Sprint(limit))
	s.cmd.Dir = dir
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, after, _ := strings.Cut(line, "http://")
	s.address, _, _ = strings.Cut(after, ": ")
	if err != nil || s.address == "" {
		t.Fatalf("%q, %v\n%s", line, err, &s.stderr)
	}
	return s
}

// end ends the server, which is to have nothing to complain of.
func (s *soaked) end(t *testing.T) {
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil || strings.Contains(s.stderr.String(), "exceeded") || strings.Contains(s.stderr.String(), "level=ERROR") {
		t.Errorf("%v\n%.4000s", err, &s.stderr)
	}
}

func (s *soaked) asked() (n int) {
	for _, of := range s.kinds {
		n += of
	}
	return n
}

// metrics are the server's, those that are sums over models without the models' names.
func (s *soaked) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	r, err := http.Get("http://" + s.address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	found := map[string]float64{}
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if value == "" {
			name, value, _ = strings.Cut(lines.Text(), " ")
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			name = strings.NewReplacer(`model="a",`, "", `model="b",`, "").Replace(name)
			found[name] += v
		}
	}
	return found
}

// settle waits until nobody is served any more, which takes no longer than a pass, and until connections are closed, of which some linger: all texts have
// ended, and hold nothing, and there are no more than so many goroutines.
func (s *soaked) settle(t *testing.T, goroutines float64) map[string]float64 {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		m := s.metrics(t)
		left := m[`helix_texts{state="active"`] + m[`helix_texts{state="waiting"`] + m[`helix_cache_bytes{state="held"`]
		if left == 0 {
			time.Sleep(200 * time.Millisecond) // for those who have just gone
			if m = s.metrics(t); m["helix_goroutines"] <= goroutines {
				return m
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there, with %v goroutines wanted: %v", goroutines, m)
		}
	}
}

// soak is a client that asks one thing after the other for a while.
func (s *soaked) soak(t *testing.T, seed uint64, lasts time.Duration) {
	random := rand.New(rand.NewPCG(seed, 0))
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Minute}
	defer client.CloseIdleConnections()
	for end := time.Now().Add(lasts); time.Now().Before(end) && !t.Failed(); {
		i := random.IntN(len(soakings))
		ask := &soaking{server: s, client: client, random: random, model: string('a' + byte(random.IntN(2)))}
		if err := soakings[i].ask(ask); err != nil {
			t.Errorf("%s: %v", soakings[i].name, err)
		}
		s.mu.Lock()
		s.kinds[soakings[i].name]++
		s.mu.Unlock()
	}
}

// soaking is one thing that is asked.
type soaking struct {
	server *soaked
	client *http.Client
	random *rand.Rand
	model  string
}

var soakings = []struct {
	name string
	ask  func(*soaking) error
}{
	{"text", func(q *soaking) error {
		return q.post("/v1/completions", q.text(`"max_tokens": %d`, 1+q.random.IntN(60)), 200)
	}},
	{"several", func(q *soaking) error {
		return q.post("/v1/completions", q.text(`"max_tokens": 8, "n": 2, "logprobs": 3`), 200, 503)
	}},
	{"stream", func(q *soaking) error {
		return q.post("/v1/completions", q.text(`"stream": true, "max_tokens": %d`, 1+q.random.IntN(100)), 200)
	}},
	{"response", func(q *soaking) error {
		return q.post("/v1/responses", fmt.Sprintf(`{"model": %q, "input": "Hi", "max_output_tokens": 16}`, q.model), 400) // it has no chat template
	}},
	{"form", func(q *soaking) error {
		return q.post("/v1/completions", q.text(`"max_tokens": 40, "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array", "items": {"type": "integer"}, "maxItems": %d}}}`, 1+q.random.IntN(9)), 200, 503)
	}},
	{"embedding", func(q *soaking) error {
		return q.post("/v1/embeddings", fmt.Sprintf(`{"model": %q, "input": [%q, "Two"]}`, q.model, q.words(40)), 200)
	}},
	{"prompt too long", func(q *soaking) error {
		return q.post("/v1/completions", q.prompt(q.words(1600), `"max_tokens": 1`), 400)
	}},
	{"body too large", func(q *soaking) error {
		return q.post("/v1/completions", q.prompt(strings.Repeat("x", 8<<20), `"max_tokens": 1`), 413)
	}},
	{"no JSON", func(q *soaking) error { return q.post("/v1/completions", `{"model": `, 400) }},
	{"given up", func(q *soaking) error {
		return q.breakOff(q.text(`"stream": true, "max_tokens": 200`), q.random.IntN(2000))
	}},
	{"waiting given up", func(q *soaking) error { return q.breakOff(q.text(`"max_tokens": 200`), 0) }},
	{"half a body", func(q *soaking) error {
		body := q.text(`"max_tokens": 8`)
		return q.breakOff(body[:len(body)/2]+strings.Repeat(" ", len(body)-len(body)/2-1), 0)
	}},
}

// words are the beginning of a text, which others begin with too, and some words of its own.
func (q *soaking) words(most int) string {
	text := "Once upon a time, there was a little"
	for range q.random.IntN(most/2) + most/2 {
		text += []string{" dog", " girl", " and", " the", " ran", " big", " park", "."}[q.random.IntN(8)]
	}
	return text
}

func (q *soaking) text(options string, args ...any) string {
	return q.prompt(q.words(4+q.random.IntN(200)), options, args...)
}

func (q *soaking) prompt(prompt, options string, args ...any) string {
	text, _ := json.Marshal(prompt)
	return fmt.Sprintf(`{"model": %q, "prompt": %s, `, q.model, text) + fmt.Sprintf(options, args...) + "}"
}

// post asks, reads all of the answer, and looks at the status.
func (q *soaking) post(path, body string, wanted ...int) error {
	r, err := q.client.Post("http://"+q.server.address+path, "application/json", strings.NewReader(body))
	if err != nil {
		if len(body) > 1<<20 && strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "broken pipe") {
			return nil // the server has not waited for what it does not read
		}
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	for _, status := range wanted {
		if r.StatusCode == status {
			if status == 200 && bytes.Contains(text, []byte(`{"error"`)) {
				return fmt.Errorf("%.300s", text)
			}
			return nil
		}
	}
	return fmt.Errorf("status %d, not %v: %.300s", r.StatusCode, wanted, text)
}

// breakOff asks and goes after so many bytes of the answer, as a process does that is killed.
func (q *soaking) breakOff(body string, read int) error {
	c, err := net.Dial("tcp", q.server.address)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if read > 0 {
		io.CopyN(io.Discard, c, int64(read))
	} else {
		time.Sleep(time.Duration(q.random.IntN(20)) * time.Millisecond)
	}
	return c.(*net.TCPConn).SetLinger(0)
}
