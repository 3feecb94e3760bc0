package server

import (
	"fmt"
	"net/http"
	"slices"
)

// corsAge is how long a browser may remember what a page may do, in seconds.
const corsAge = "600"

// trusted returns what refuses requests that a browser sends for a page of another site: it must not use a server on the same machine. Pages of
// the origins that are named may. Errors are ErrOption.
func trusted(origins []string) (*http.CrossOriginProtection, error) {
	p := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := p.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("%w: %w", err, ErrOption)
		}
	}
	return p, nil
}

// CheckOrigins refuses what is no origin for Options, such as "https://site.example", with ErrOption.
func CheckOrigins(origins []string) error {
	_, err := trusted(origins)
	return err
}

// share tells a browser that a page of a trusted origin may read the answer. It answers the question whether it may ask, which comes without a
// key, and tells whether it was that.
func (s *Server) share(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(s.options.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.options.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", ReceiptHeader)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Set("Access-Control-Max-Age", corsAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}
