package server

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/helix-substrate/helix-substrate/memory"
)

// The page for people: plain HTML, CSS and modules. It has no secrets, so it asks for no key; what it asks the server for does.
//
//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page load and ask nothing but this server, and make no elements of text (Content-Security-Policy).
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// pageFile is a file of the page.
type pageFile struct {
	text       []byte
	kind, etag string
}

// pages returns the page's files by the paths that they are asked for.
func pages() (map[string]pageFile, error) {
	files := map[string]pageFile{}
	err := fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		kind := mime.TypeByExtension(path.Ext(name))
		switch path.Ext(name) { // whatever the machine's own table says
		case ".js":
			kind = "text/javascript; charset=utf-8"
		case ".css":
			kind = "text/css; charset=utf-8"
		case ".svg":
			kind = "image/svg+xml"
		}
		at := "/" + name
		if name == "page/index.html" {
			at, kind = "/", "text/html; charset=utf-8"
		}
		sum := sha256.Sum256(text)
		files[at] = pageFile{text, kind, `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	return files, err
}

// page answers with a file of the page.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	f, ok := s.pages[r.URL.Path]
	if !ok {
		refuse(w, notFound("there is no %s %.100s here", r.Method, r.URL.Path))
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache") // asked for again each time, and answered with 304
	h.Set("ETag", f.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	w.Write(f.text)
}

// isPage tells requests for the page's files.
func isPage(r *http.Request) bool {
	return r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/page/")
}

// plan answers with where a model's memory goes, and how each matrix is held.
func (s *Server) plan(w http.ResponseWriter, r *http.Request) {
	m, refused := s.look(cmp.Or(r.URL.Query().Get("model"), s.library.Names()[0]))
	if refused != nil {
		refuse(w, refused)
		return
	}
	p := m.Plan()
	active, waiting := m.scheduler.Load()
	held := map[string]int64{}
	if peak, ok := memory.Peak(); ok {
		held["peak"] = peak
	}
	answer(w, http.StatusOK, map[string]any{
		"model": m.Name, "context": p.Context, "limit": p.Limit, "total": p.Total(), "totals": p.Totals(), "matrices": p.Matrices, "memory": held,
		"texts": map[string]int{"active": active, "waiting": waiting, "places": m.Parallel},
	})
}
