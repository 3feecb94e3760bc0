package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

// Options say whom a server answers, and what it writes down.
type Options struct {
	// Keys are those of which a request has to have one, as "Authorization: Bearer KEY" or "x-api-key: KEY"; with none,
	// everybody is answered. /health asks for none.
	Keys []string
	// Log gets a line a request, without prompts and texts; nil writes none.
	Log *slog.Logger
	// Patience is how long a client may take to send a request's body, and to take a piece of an answer; 0 is 60 seconds.
	Patience time.Duration
	// HeaderTime is how long a client may take to send a request's header, with Serve; 0 is 10 seconds.
	HeaderTime time.Duration
	// Connections are how many there may be at a time, with Serve; more wait. 0 is 1024.
	Connections int
	// Origins are those whose pages a browser lets ask and read answers (CORS), each as "https://site.example"; of others none may.
	Origins []string
	// ReceiptLog is a file that every answer's receipt is appended to before the answer ends (see receipt/chain); "" for none. Without
	// LogPrompts it has hashes in place of prompts and texts.
	ReceiptLog string
	LogPrompts bool
	// Version is the program's, for receipts.
	Version string
}

// Server answers requests. It is an http.Handler, safe for concurrent use.
type Server struct {
	models    []*Model
	options   Options
	keys      [][32]byte // their hashes
	longest   int        // bytes of a body
	reading   *semaphore.Weighted
	receipts  receipts
	responses responseStore
	replaying *semaphore.Weighted // one at a time
	counts    counts
	pages     map[string]pageFile
	handler   http.Handler
}

// ErrOption reports options that make no sense.
var ErrOption = errors.New("invalid server option")

// New returns a server of open models, which it does not close. Errors are ErrOption, and chain.Check's of the log.
func New(models []*Model, o Options) (*Server, error) {
	if len(models) == 0 {
		return nil, fmt.Errorf("no models: %w", ErrOption)
	}
	names := map[string]bool{}
	longest := 0
	for _, m := range models {
		if names[m.Name] {
			return nil, fmt.Errorf("two models have the name %q: %w", m.Name, ErrOption)
		}
		names[m.Name] = true
		longest = max(longest, generate.MaxBatchLine(m.Plan().Context))
	}
	for i, key := range o.Keys {
		if key == "" {
			return nil, fmt.Errorf("key %d is empty: %w", i, ErrOption)
		}
	}
	if o.ReceiptLog != "" {
		if err := chain.Check(o.ReceiptLog); err != nil {
			return nil, err
		}
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.HeaderTime == 0 {
		o.HeaderTime = 10 * time.Second
	}
	if o.Connections == 0 {
		o.Connections = 1024
	}
	if o.HeaderTime < 0 || o.Connections < 0 {
		return nil, fmt.Errorf("header time %v, %d connections: %w", o.HeaderTime, o.Connections, ErrOption)
	}
	origins, err := trusted(o.Origins)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{models: models, options: o, keys: hashes(o.Keys), longest: longest, reading: semaphore.NewWeighted(int64(longest)), replaying: semaphore.NewWeighted(1), responses: newResponseStore(storedBytes)}
	if s.pages, err = pages(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for pattern, serve := range s.routes() {
		mux.HandleFunc(pattern, serve)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refusalIn(r)(w, notFound("there is no %s %.100s here", r.Method, r.URL.Path))
	})
	s.handler = s.guard(origins.Handler(mux))
	return s, nil
}

// routes are what is answered.
func (s *Server) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /v1/chat/completions":      s.completions,
		"POST /v1/completions":           s.completions,
		"POST /v1/responses":             s.respond,
		"GET /v1/responses/{id}":         s.storedResponse,
		"DELETE /v1/responses/{id}":      s.deleteResponse,
		"POST /v1/messages":              s.messages,
		"POST /v1/messages/count_tokens": s.countTokens,
		"POST /v1/embeddings":            s.embeddings,
		"GET /v1/models":                 s.list,
		"GET /v1/models/{name}":          s.describe,
		"POST /tokenize":                 s.tokenize,
		"POST /detokenize":               s.detokenize,
		"POST /apply-template":           s.applyTemplate,
		"GET /receipts/{id}":             s.receipt,
		"POST /receipts/{id}/replay":     s.replay,
		"GET /{$}":                       s.page,
		"GET /page/{file}":               s.page,
		"GET /plan":                      s.plan,
		"GET /health":                    s.health,
		"GET /props":                     s.properties,
		"GET /metrics":                   s.metrics,
	}
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// model returns the model that a request names; nil if there is none.
func (s *Server) model(name string) *Model {
	for _, m := range s.models {
		if m.Name == name {
			return m
		}
	}
	return nil
}
