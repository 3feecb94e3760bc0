package hubtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Fault answers a request in place of next, the proper handler, which it may call.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

type injected struct {
	place Place
	times int
	fault Fault
}

// Inject gives the next times requests at a place to fault; times < 0 means all.
// Faults injected earlier are used up first.
func (s *Server) Inject(place Place, times int, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &injected{place, times, fault})
}

// Heal drops the faults that are left.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault for a request. The lock is held.
func (s *Server) takeFault(place Place) Fault {
	for _, f := range s.faults {
		if f.place == place && f.times != 0 {
			f.times--
			return f.fault
		}
	}
	return nil
}

// Status answers with a status and headers, given as name, value, name, value.
func Status(code int, headers ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

// Drop breaks the connection after n bytes of the body.
func Drop(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&rewriter{ResponseWriter: w, left: n, limited: true}, r)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
}

// Stall sends n bytes of the body and then nothing for d, or until the client goes.
func Stall(n int, d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&rewriter{ResponseWriter: w, left: n, limited: true}, r)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		select {
		case <-r.Context().Done():
		case <-time.After(d):
		}
		panic(http.ErrAbortHandler)
	}
}

// Corrupt inverts the byte at an offset of the body, counted in what is sent.
func Corrupt(offset int) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&rewriter{ResponseWriter: w, corrupt: offset + 1}, r)
	}
}

// Header sets a header of an otherwise proper answer; "" removes it. So
// Header("ETag", `"other"`) is a file that has changed, Header("Content-Range",
// "bytes 0-9/10") a lie.
func Header(name, value string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&rewriter{ResponseWriter: w, name: name, value: value}, r)
	}
}

// NoRange answers as a server that does not know ranges: with the whole file.
func NoRange() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("Range")
		next.ServeHTTP(w, r)
	}
}

// Body answers 200 with a body and headers as Status takes them.
func Body(body string, headers ...string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		Status(200, headers...)(w, r, next)
		fmt.Fprint(w, body)
	}
}

// Endless answers 200 with a text for ever, or until the client goes.
func Endless(text string) Fault {
	chunk := strings.Repeat(text, 1+(64<<10)/len(text))
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, chunk); err != nil {
				return
			}
		}
	}
}

// rewriter changes an answer on its way.
type rewriter struct {
	http.ResponseWriter
	name, value string // header to set
	limited     bool
	left        int // bytes of the body that pass, if limited
	corrupt     int // 1 + offset of the byte to invert; 0 for none
	sent        int
}

func (w *rewriter) WriteHeader(code int) {
	if w.name != "" {
		if w.value == "" {
			w.Header().Del(w.name)
		} else {
			w.Header().Set(w.name, w.value)
		}
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *rewriter) Write(p []byte) (int, error) {
	out := p
	if w.limited {
		out = p[:min(len(p), w.left)]
		w.left -= len(out)
	}
	if at := w.corrupt - 1 - w.sent; w.corrupt > 0 && at >= 0 && at < len(out) {
		out = append([]byte(nil), out...)
		out[at] ^= 0xff
	}
	if n, err := w.ResponseWriter.Write(out); err != nil {
		return n, err
	}
	w.sent += len(p)
	return len(p), nil
}
