package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/embedding"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/internal/anthropic"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// guard stands before every request: who may ask, from where, and what is written down of it.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noted := &noting{ResponseWriter: w, control: http.NewResponseController(w), patience: s.options.Patience}
		if r.ContentLength != 0 { // net/http waits for what is left of it before an answer
			noted.control.SetReadDeadline(time.Now().Add(s.options.Patience))
		}
		start := time.Now()
		defer func() {
			switch {
			case noted.status != 0:
			case r.Context().Err() != nil:
				noted.status = statusGone
			default: // a fault
				noted.status = http.StatusInternalServerError
			}
			s.counts.request(noted.status)
			s.options.Log.Info("request", "method", r.Method, "path", r.URL.Path, "status", noted.status, "bytes", noted.bytes,
				"seconds", time.Since(start).Seconds(), "from", r.RemoteAddr)
		}()
		if s.share(noted, r) {
			return
		}
		if r.URL.Path != "/health" && !isPage(r) && !s.allowed(r) {
			refusalIn(r)(noted, &openai.Error{Message: "the key is missing or wrong", Type: "authentication_error", Status: http.StatusUnauthorized})
			return
		}
		if len(s.keys) == 0 && rebound(r) {
			refusalIn(r)(noted, &openai.Error{Message: "a server without keys is asked on this machine by localhost or its address", Type: "permission_error", Status: http.StatusForbidden})
			return
		}
		next.ServeHTTP(noted, r)
	})
}

// rebound tells a request that came over the loopback interface under a name of somebody's: a page may have its own name
// lead there, and is of the same site then for a browser.
func rebound(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host != "" && host != "localhost" && (ip == nil || !ip.IsLoopback())
}

func hashes(keys []string) [][32]byte {
	list := make([][32]byte, len(keys))
	for i, key := range keys {
		list[i] = sha256.Sum256([]byte(key))
	}
	return list
}

// client is whose request it is, to whom places are given by turns: the key's where there are keys, else the address's.
func (s *Server) client(r *http.Request) string {
	if len(s.keys) > 0 {
		hash := sha256.Sum256([]byte(key(r)))
		return string(hash[:])
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// allowed compares a request's key with all keys, in the same time whatever it is.
func (s *Server) allowed(r *http.Request) bool {
	if len(s.keys) == 0 {
		return true
	}
	hash, right := sha256.Sum256([]byte(key(r))), 0
	for _, k := range s.keys {
		right |= subtle.ConstantTimeCompare(hash[:], k[:])
	}
	return right == 1
}

// key is the one that a request has, "" for none.
func key(r *http.Request) string {
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return key
	}
	return r.Header.Get("X-Api-Key")
}

// statusGone is what is noted of a request whose client has gone before there was an answer: nginx has it so.
const statusGone = 499

// gone ends the handler of a request that nobody waits for any more.
func gone() { panic(http.ErrAbortHandler) }

// pieceBytes is how much of an answer a client has to take at a time, within its patience.
const pieceBytes = 64 << 10

// noting takes note of what an answer was, and of a client that takes too long to take it: writing fails then.
type noting struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	status   int
	bytes    int64
}

func (n *noting) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
	n.wait()
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Write(p []byte) (written int, err error) {
	if n.status == 0 {
		n.status = http.StatusOK
	}
	for piece := range slices.Chunk(p, pieceBytes) {
		n.wait()
		taken, err := n.ResponseWriter.Write(piece)
		written += taken
		n.bytes += int64(taken)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// wait gives the client the time that it has for the next piece.
func (n *noting) wait() { n.control.SetWriteDeadline(time.Now().Add(n.patience)) }

// Unwrap is for http.ResponseController.
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// notFound is the error of what is not here.
func notFound(format string, args ...any) *openai.Error {
	e := openai.Invalid("", "", format, args...)
	e.Status = http.StatusNotFound
	return e
}

// failure is a scheduler's or a tokenizer's error in the API's form; field is what asked for it. It ends the handler where nobody waits for an answer.
func failure(err error, field string) *openai.Error {
	switch {
	case errors.Is(err, context.Canceled): // the client has gone, or the server ends
		gone()
	case errors.Is(err, transformer.ErrContext):
		return openai.Invalid(field, openai.CodeContext, "%s is longer than the model's context length: %v", field, err) // litellm knows it by these words
	case errors.Is(err, transformer.ErrToken), errors.Is(err, transformer.ErrNoHead), errors.Is(err, embedding.ErrModule), errors.Is(err, generate.ErrPrompt), errors.Is(err, generate.ErrTemplate), errors.Is(err, generate.ErrOption):
		return openai.Invalid(field, openai.CodeInvalid, "%s: %v", field, err)
	case errors.Is(err, grammar.ErrLimit), errors.Is(err, grammar.ErrDead):
		return openai.Invalid("", openai.CodeInvalid, "the form of the answer: %v", err)
	case errors.Is(err, generate.ErrBusy), errors.Is(err, generate.ErrClosed):
		return &openai.Error{Message: err.Error(), Type: "overloaded_error", Status: http.StatusServiceUnavailable}
	}
	return openai.Failed(err)
}

// refusalIn returns what answers with an error in the form of the API that a request is of.
func refusalIn(r *http.Request) func(http.ResponseWriter, *openai.Error) {
	if r.URL.Path == anthropic.Messages || strings.HasPrefix(r.URL.Path, anthropic.Messages+"/") {
		return refuseMessage
	}
	return refuse
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, e *openai.Error) {
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	answer(w, e.Status, openai.ErrorBody{Error: e})
}

// answer answers with a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if encode(w, v) != nil {
		gone()
	}
}

// encode writes a value as JSON.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}
