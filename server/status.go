package server

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/memory"
)

// list answers with the models' names.
func (s *Server) list(w http.ResponseWriter, _ *http.Request) {
	data := []any{}
	for _, e := range s.library.entries {
		data = append(data, e.describe())
	}
	answer(w, http.StatusOK, map[string]any{"object": "list", "data": data})
}

// describe answers with one of them.
func (s *Server) describe(w http.ResponseWriter, r *http.Request) {
	e := s.library.entry(r.PathValue("name"))
	if e == nil {
		refuse(w, unknownModel(r.PathValue("name")))
		return
	}
	answer(w, http.StatusOK, e.describe())
}

func (e *entry) describe() map[string]any {
	return map[string]any{"id": e.name, "object": "model", "created": e.added.Unix(), "owned_by": "helix-substrate", "context_length": e.context, "chat": e.chat}
}

// health answers that the server is there.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// properties answers with how the first model is run.
func (s *Server) properties(w http.ResponseWriter, _ *http.Request) {
	m, refused := s.look(s.library.Names()[0])
	if refused != nil {
		refuse(w, refused)
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"model": m.Name, "total_slots": m.Parallel, "n_ctx": m.Plan().Context, "chat_template": m.batch.Tokenizer.ChatTemplate(), "plan": m.Plan().Totals(),
	})
}

// look returns the model of a name if it is open, to be told of only: it may be closed meanwhile.
func (s *Server) look(name string) (*Model, *openai.Error) {
	for _, m := range s.library.opened() {
		if m.Name == name {
			return m, nil
		}
	}
	if s.library.entry(name) == nil {
		return nil, unknownModel(name)
	}
	return nil, notFound("the model %.100q is not open: a request for a text opens it", name)
}

// counts are what /metrics tells.
type counts struct {
	mu                                sync.Mutex
	requests                          map[int]int64 // by status
	texts, promptTokens, outputTokens int64
	promptSeconds, outputSeconds      float64
}

func (c *counts) request(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = map[int]int64{}
	}
	c.requests[status]++
}

func (c *counts) text(r *generate.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts++
	c.promptTokens += int64(len(r.PromptIDs))
	c.outputTokens += int64(len(r.OutputIDs))
	c.promptSeconds += r.PromptTime.Seconds()
	c.outputSeconds += r.GenerateTime.Seconds()
}

// metrics answers in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	var text strings.Builder
	metric := func(name, kind, help string) {
		fmt.Fprintf(&text, "# HELP helix_%s %s\n# TYPE helix_%s %s\n", name, help, name, kind)
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	one := func(name, kind, help string, v float64) {
		metric(name, kind, help)
		fmt.Fprintf(&text, "helix_%s %s\n", name, number(v))
	}
	c := &s.counts
	c.mu.Lock()
	metric("requests_total", "counter", "Requests, by the status of the answer.")
	for status := 100; status < 600; status++ {
		if n := c.requests[status]; n > 0 {
			fmt.Fprintf(&text, "helix_requests_total{status=\"%d\"} %d\n", status, n)
		}
	}
	one("texts_total", "counter", "Texts that were asked for.", float64(c.texts))
	one("prompt_tokens_total", "counter", "Tokens of prompts.", float64(c.promptTokens))
	one("output_tokens_total", "counter", "Tokens generated.", float64(c.outputTokens))
	one("prompt_seconds_total", "counter", "Time that prompts took, of all texts.", c.promptSeconds)
	one("output_seconds_total", "counter", "Time that generating took, of all texts.", c.outputSeconds)
	c.mu.Unlock()
	metric("texts", "gauge", "Texts under way and waiting.")
	for _, m := range s.library.opened() {
		active, waiting := m.scheduler.Load()
		fmt.Fprintf(&text, "helix_texts{model=%s,state=\"active\"} %d\nhelix_texts{model=%s,state=\"waiting\"} %d\n", label(m.Name), active, label(m.Name), waiting)
	}
	metric("cache_bytes", "gauge", "Keys and values that texts hold, and those kept for texts that begin in the same way.")
	for _, m := range s.library.opened() {
		held, kept := m.batch.Model.CacheBytes()
		fmt.Fprintf(&text, "helix_cache_bytes{model=%s,state=\"held\"} %d\nhelix_cache_bytes{model=%s,state=\"kept\"} %d\n", label(m.Name), held, label(m.Name), kept)
	}
	one("goroutines", "gauge", "Goroutines of the process.", float64(runtime.NumGoroutine()))
	if now, ok := memory.Resident(); ok {
		one("memory_bytes", "gauge", "The memory that the process holds.", float64(now))
	}
	if peak, ok := memory.Peak(); ok {
		one("memory_peak_bytes", "gauge", "The most memory that the process has held.", float64(peak))
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write([]byte(text.String()))
}

// label quotes a label's value.
func label(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
