package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/anthropic"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

// Options say whom a server answers, and what it writes down.
type Options struct {
	// Keys are those of which a request has to have one, as "Authorization: Bearer KEY" or "x-api-key: KEY"; with none,
	// everybody is answered. /health asks for none.
	Keys []string
	// Log gets a line a request, without prompts and texts; nil writes none.
	Log *slog.Logger
	// Patience is how long a client may take to send a request's body, and to take a piece of an answer, 64 KiB of it at most; 0 is 60 seconds.
	Patience time.Duration
	// HeaderTime is how long a client may take to send a request's header, with Serve; 0 is 10 seconds.
	HeaderTime time.Duration
	// Connections are how many there may be at a time, with Serve; more wait. 0 is 256.
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
	library      *Library
	options      Options
	keys         [][32]byte // their hashes
	longest      int        // bytes of a body
	reading      *semaphore.Weighted
	arriving     atomic.Int64 // bytes of bodies that have not been read
	parked       atomic.Int64 // of them, those of requests that wait for a model or for room
	mostArriving int64
	receipts     receipts
	responses    responseStore
	replaying    *semaphore.Weighted // one at a time
	holding      *semaphore.Weighted // bytes of what is made of requests that are no texts under way, until they are answered
	mostHeld     int64
	wanting      atomic.Int64 // requests that wait for such bytes
	counts       counts
	pages        map[string]pageFile
	handler      http.Handler
}

// ErrOption reports options that make no sense.
var ErrOption = errors.New("invalid server option")

// New returns a server of open models, which it does not close. Errors are ErrOption and, of a ReceiptLog, those of chain.Check.
func New(models []*Model, o Options) (*Server, error) {
	l := newLibrary()
	for _, m := range models {
		t := m.batch.Tokenizer
		if err := l.add(&entry{name: m.Name, context: m.Plan().Context, added: m.opened, chat: t != nil && t.ChatTemplate() != "", model: m}); err != nil {
			return nil, err
		}
	}
	return NewOf(l, o)
}

// NewOf is New of a library's models, which are opened as requests ask for them.
func NewOf(l *Library, o Options) (*Server, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	longest := 0
	for _, e := range l.entries {
		longest = max(longest, generate.MaxBatchLine(e.context))
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
		o.Connections = 256
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
	s := &Server{library: l, options: o, keys: hashes(o.Keys), longest: longest, mostArriving: max(arrivingBytes, 2*int64(longest)), reading: semaphore.NewWeighted(int64(longest)), replaying: semaphore.NewWeighted(1), mostHeld: max(heldBytes, int64(longest)), responses: newResponseStore(storedBytes)}
	s.holding = semaphore.NewWeighted(s.mostHeld)
	if s.pages, err = pages(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for pattern, serve := range s.routes() {
		mux.HandleFunc(pattern, serve)
		if short := strings.Replace(pattern, " "+version, " ", 1); short != pattern && !strings.Contains(pattern, anthropic.Messages) {
			mux.HandleFunc(short, versioned(serve))
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refusalIn(r)(w, notFound("there is no %s %.100s here", r.Method, r.URL.Path))
	})
	s.handler = s.guard(origins.Handler(lending(mux)))
	return s, nil
}

// routes are what is answered.
func (s *Server) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /v1/chat/completions":      s.completions,
		"POST /v1/completions":           s.completions,
		"POST /completion":               s.llamaCompletion,
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

// version begins the paths of OpenAI's API. Clients that are told an address without it ask for what follows.
const version = "/v1"

// versioned has a request answered as if its path began with the version.
func versioned(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		whole, url := *r, *r.URL
		url.Path = version + url.Path
		whole.URL = &url
		serve(w, &whole)
	}
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// lent is the models that a request uses.
type lent struct{ release []func() }

type lentKey struct{}

// lending gives models back when a request is answered.
func lending(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := &lent{}
		defer func() {
			for _, release := range l.release {
				release()
			}
		}()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), lentKey{}, l)))
	})
}

// use returns the model of a name, open until the request has been answered. Where it has to wait, it calls park before, and does not with the error of that.
func (s *Server) use(r *http.Request, name string, park func() error) (*Model, *openai.Error) {
	m, release, err := s.library.use(r.Context(), name, s.client(r), park)
	if errors.Is(err, ErrModel) {
		return nil, unknownModel(name)
	}
	if err != nil {
		return nil, failure(err, "model")
	}
	l := r.Context().Value(lentKey{}).(*lent)
	l.release = append(l.release, release)
	return m, nil
}
