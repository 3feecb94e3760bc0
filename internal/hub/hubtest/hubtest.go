// Package hubtest is a small Hugging Face hub for tests: it serves directories as
// model repositories over real HTTP, with a content server on another port that large
// files are redirected to and sent to, takes commits, and misbehaves when told to.
//
//	repositories := hubtest.NewServer()
//	defer repositories.Close()
//	repo := repositories.AddRepo("owner/name", os.DirFS("testdata/model")) // or an fstest.MapFS
//	client := &hub.Client{Endpoint: repositories.URL, Cache: t.TempDir()}
//	repositories.Inject(hubtest.Content, 2, hubtest.Drop(1000)) // breaks two connections
//
// A program under test is pointed at it with HF_ENDPOINT=repositories.URL.
package hubtest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Place is a part of the hub.
type Place string

// The parts: the list of files, the addresses of files, and the content server.
const (
	API     Place = "api"     // /api/models/ID/revision/REVISION
	Resolve Place = "resolve" // /ID/resolve/REVISION/PATH
	Content Place = "content" // where Resolve redirects to for large files
)

// Request is one that the server got.
type Request struct {
	Place Place
	Path  string // the URL's, decoded
	Range string // header
	Token string // of the Authorization header
}

// Server is a hub. Its methods are safe for concurrent use.
type Server struct {
	URL string // of the hub: HF_ENDPOINT

	hub, content *httptest.Server
	mu           sync.Mutex
	repos        map[string]*Repo
	faults       []*injected
	requests     []Request
	store        store
}

// Repo is a repository with one commit, which the branch main and the commit's own
// id name. Set its fields before the first request.
type Repo struct {
	ID     string
	Commit string // 40 hexadecimal digits, from the names and contents of the files

	Token   string // the token that is needed; "" for a public repository
	Gated   bool   // without a valid token the answer is "gated", not "not found"
	Refused bool   // the account of the token has not accepted the terms
	Direct  bool   // large files are served by the hub itself, without redirect

	files fs.FS
	list  []entry
}

type entry struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"`
	Blob string `json:"blobId"`
	LFS  *lfs   `json:"lfs,omitempty"`
}

type lfs struct {
	SHA256      string `json:"sha256"`
	Size        int64  `json:"size"`
	PointerSize int64  `json:"pointerSize"`
}

// etag is what the hub calls the content.
func (e entry) etag() string {
	if e.LFS != nil {
		return e.LFS.SHA256
	}
	return e.Blob
}

// NewServer starts a hub without repositories. Close stops it.
func NewServer() *Server {
	s := &Server{repos: map[string]*Repo{}, store: store{blobs: map[string][]byte{}, parts: map[string]map[int][]byte{}}}
	s.hub = httptest.NewServer(http.HandlerFunc(s.serveHub))
	s.content = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut || r.Method == http.MethodPost {
			s.place(Upload, http.HandlerFunc(s.serveUpload)).ServeHTTP(w, r)
			return
		}
		s.place(Content, http.HandlerFunc(s.serveContent)).ServeHTTP(w, r)
	}))
	s.URL = s.hub.URL
	return s
}

// Close stops the server, breaking connections in use.
func (s *Server) Close() {
	for _, server := range []*httptest.Server{s.hub, s.content} {
		server.CloseClientConnections()
		server.Close()
	}
}

// AddRepo serves the regular files of a file system, such as os.DirFS(dir), as a
// repository. Weights by their ending (.safetensors, .gguf, .bin, .pth, .npy) and files
// of 10 MB or more are large files (LFS). Files are opened for each request and must be
// seekable. It panics when they cannot be read, as this is for tests.
func (s *Server) AddRepo(id string, files fs.FS) *Repo {
	r := &Repo{ID: id, files: files, list: []entry{}}
	commit := sha1.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		e, err := describe(files, name)
		if err != nil {
			return err
		}
		fmt.Fprintln(commit, e.Name, e.etag())
		r.list = append(r.list, e)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("hubtest: %s: %v", id, err))
	}
	r.Commit = hex.EncodeToString(commit.Sum(nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[id] = r
	return r
}

func describe(files fs.FS, name string) (entry, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return entry{}, err
	}
	size := info.Size()
	blob := gitHash(size)
	sha := sha256.New()
	f, err := files.Open(name)
	if err != nil {
		return entry{}, err
	}
	defer f.Close()
	if _, err := io.Copy(io.MultiWriter(blob, sha), f); err != nil {
		return entry{}, err
	}
	e := entry{Name: name, Size: size, Blob: hex.EncodeToString(blob.Sum(nil))}
	if isLarge(name, size) {
		oid := hex.EncodeToString(sha.Sum(nil))
		pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size)
		blob := gitHash(int64(len(pointer)))
		io.WriteString(blob, pointer)
		e.Blob = hex.EncodeToString(blob.Sum(nil))
		e.LFS = &lfs{oid, size, int64(len(pointer))}
	}
	return e, nil
}

// isLarge tells what is kept apart (LFS).
func isLarge(name string, size int64) bool {
	return slices.Contains([]string{".safetensors", ".gguf", ".bin", ".pth", ".npy"}, path.Ext(name)) || size >= 10e6
}

// gitHash starts the hash of a git blob, whose content follows.
func gitHash(size int64) hash.Hash {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", size)
	return h
}

// Requests returns what the server was asked so far, in the order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count returns how many requests a place has got.
func (s *Server) Count(place Place) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Place == place {
			n++
		}
	}
	return n
}

// place records requests and lets faults have them first.
func (s *Server) place(place Place, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		s.requests = append(s.requests, Request{place, r.URL.Path, r.Header.Get("Range"), token})
		fault := s.takeFault(place)
		s.mu.Unlock()
		if fault != nil {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) serveHub(w http.ResponseWriter, r *http.Request) {
	if s.serveChange(w, r) {
		return
	}
	if _, api := strings.CutPrefix(r.URL.Path, "/api/models/"); api {
		s.place(API, http.HandlerFunc(s.serveAPI)).ServeHTTP(w, r)
		return
	}
	s.place(Resolve, http.HandlerFunc(s.serveResolve)).ServeHTTP(w, r)
}

// find returns the repository, unless the request may not see it at this revision;
// then it has been answered.
func (s *Server) find(w http.ResponseWriter, r *http.Request, id, revision string) *Repo {
	s.mu.Lock()
	repo := s.repos[id]
	s.mu.Unlock()
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	valid := repo != nil && (token == repo.Token || repo.Token == "")
	content := !strings.HasPrefix(r.URL.Path, "/api/") // a gated repository's description is public
	switch {
	case given && repo != nil && !valid:
		refuse(w, 401, "", "Invalid credentials in Authorization header")
	case repo != nil && repo.Gated && content && (!valid || repo.Refused):
		refuse(w, map[bool]int{true: 403, false: 401}[given], "GatedRepo", "Access to model "+id+" is restricted.")
	case repo == nil && given:
		refuse(w, 404, "RepoNotFound", "Repository not found")
	case repo == nil || !valid && !repo.Gated:
		refuse(w, 401, "RepoNotFound", "Invalid username or password.")
	case revision != "main" && revision != repo.Commit:
		refuse(w, 404, "RevisionNotFound", "Invalid rev id: "+revision)
	default:
		return repo
	}
	return nil
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(status)
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	id, revision, ok := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/api/models/"), "/revision/")
	revision, err := url.PathUnescape(revision)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	repo := s.find(w, r, id, revision)
	if repo == nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"id": id, "sha": repo.Commit, "gated": repo.Gated, "siblings": repo.list})
}

func (s *Server) serveResolve(w http.ResponseWriter, r *http.Request) {
	id, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/resolve/")
	revision, name, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		http.NotFound(w, r)
		return
	}
	repo := s.find(w, r, id, revision)
	if repo == nil {
		return
	}
	w.Header().Set("X-Repo-Commit", repo.Commit)
	i := slices.IndexFunc(repo.list, func(e entry) bool { return e.Name == name })
	if i < 0 {
		refuse(w, 404, "EntryNotFound", "Entry not found")
		return
	}
	e := repo.list[i]
	if e.LFS == nil || repo.Direct {
		w.Header().Set("ETag", `"`+e.etag()+`"`)
		repo.send(w, r, e)
		return
	}
	w.Header().Set("X-Linked-Etag", `"`+e.etag()+`"`)
	w.Header().Set("X-Linked-Size", fmt.Sprint(e.Size))
	target := s.content.URL + "/" + id + "/" + (&url.URL{Path: name}).EscapedPath() + "?Signature=secret"
	http.Redirect(w, r, target, http.StatusFound)
}

// serveContent is the content server. It knows neither tokens nor commits, and its
// ETags are its own.
func (s *Server) serveContent(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, repo := range s.repos {
		name, ok := strings.CutPrefix(r.URL.Path, "/"+id+"/")
		i := slices.IndexFunc(repo.list, func(e entry) bool { return ok && e.Name == name })
		if i < 0 || r.URL.Query().Get("Signature") != "secret" {
			continue
		}
		w.Header().Set("ETag", `"c-`+repo.list[i].etag()[:30]+`"`)
		s.mu.Unlock()
		repo.send(w, r, repo.list[i])
		s.mu.Lock()
		return
	}
	w.WriteHeader(http.StatusForbidden)
}

func (r *Repo) send(w http.ResponseWriter, request *http.Request, e entry) {
	f, err := r.files.Open(e.Name)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer f.Close()
	content, ok := f.(io.ReadSeeker)
	if !ok {
		panic(errors.New("hubtest: files must be seekable"))
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, request, "", time.Time{}, content)
}
