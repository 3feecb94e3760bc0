package hubtest

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"
)

// Upload is where contents are sent to: the content server. Commit is all of the hub's that changes a repository.
const (
	Upload Place = "upload"
	Commit Place = "commit"
)

// partSize is the most that the content server takes in one request; larger contents come in parts.
const partSize = 64 << 10

// store holds what was uploaded.
type store struct {
	blobs   map[string][]byte         // by SHA-256, in hex
	parts   map[string]map[int][]byte // of contents that are not whole
	commits []string                  // summaries
}

// Commits returns the summaries of the commits that were made.
func (s *Server) Commits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.store.commits)
}

// serveChange serves the requests that change a repository; false if it is none.
func (s *Server) serveChange(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	var next http.HandlerFunc
	api, isAPI := strings.CutPrefix(r.URL.Path, "/api/models/")
	switch id, lfs := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".git/info/lfs/objects/batch"); {
	case r.URL.Path == "/api/repos/create":
		next = s.serveCreate
	case lfs:
		next = s.authorized(id, s.serveBatch)
	case strings.HasPrefix(r.URL.Path, "/lfs/verify/"):
		next = s.serveVerify
	case isAPI && strings.Contains(api, "/preupload/"):
		next = s.authorized(before(api, "/preupload/"), servePreupload)
	case isAPI && strings.Contains(api, "/commit/"):
		next = s.authorized(before(api, "/commit/"), s.serveCommit)
	default:
		return false
	}
	s.place(Commit, next).ServeHTTP(w, r)
	return true
}

func before(s, sep string) string {
	id, _, _ := strings.Cut(s, sep)
	return id
}

// authorized finds the repository for next; changes need its token.
func (s *Server) authorized(id string, next func(http.ResponseWriter, *http.Request, *Repo)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if repo := s.find(w, r, id, "main"); repo != nil {
			next(w, r, repo)
		}
	}
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

func (s *Server) serveCreate(w http.ResponseWriter, r *http.Request) {
	var q struct{ Type, Name, Organization string }
	if json.NewDecoder(r.Body).Decode(&q) != nil || q.Type != "model" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		refuse(w, http.StatusUnauthorized, "", "Invalid username or password.")
		return
	}
	s.AddRepo(q.Organization+"/"+q.Name, fstest.MapFS{}).Token = token
	answer(w, map[string]string{"url": s.URL})
}

func servePreupload(w http.ResponseWriter, r *http.Request, _ *Repo) {
	var q struct {
		Files []struct {
			Path string
			Size int64
		}
	}
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var files []map[string]any
	for _, f := range q.Files {
		files = append(files, map[string]any{"path": f.Path, "uploadMode": map[bool]string{true: "lfs", false: "regular"}[isLarge(f.Path, f.Size)], "shouldIgnore": false})
	}
	answer(w, map[string]any{"files": files})
}

func (s *Server) serveBatch(w http.ResponseWriter, r *http.Request, _ *Repo) {
	type object struct {
		OID     string                    `json:"oid"`
		Size    int64                     `json:"size"`
		Actions map[string]map[string]any `json:"actions,omitempty"`
	}
	var q struct{ Objects []object }
	if r.Header.Get("Content-Type") != "application/vnd.git-lfs+json" || json.NewDecoder(r.Body).Decode(&q) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	transfer := "basic"
	for i := range q.Objects {
		o := &q.Objects[i]
		if s.blob(o.OID) != nil {
			continue
		}
		header, href := map[string]string{}, s.content.URL+"/upload/"+o.OID+"?Signature=secret"
		if o.Size > partSize {
			transfer, href = "multipart", s.content.URL+"/complete/"+o.OID+"?Signature=secret"
			header["chunk_size"] = strconv.Itoa(partSize)
			for n := int64(0); n*partSize < o.Size; n++ {
				header[fmt.Sprintf("%05d", n+1)] = fmt.Sprintf("%s/upload/%s?Signature=secret&part=%d", s.content.URL, o.OID, n+1)
			}
		}
		o.Actions = map[string]map[string]any{
			"upload": {"href": href, "header": header}, "verify": {"href": s.URL + "/lfs/verify/" + o.OID},
		}
	}
	answer(w, map[string]any{"transfer": transfer, "objects": q.Objects})
}

// blob returns an uploaded content, nil if there is none.
func (s *Server) blob(oid string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.blobs[oid]
}

func (s *Server) serveVerify(w http.ResponseWriter, r *http.Request) {
	var q struct {
		OID  string
		Size int64
	}
	if json.NewDecoder(r.Body).Decode(&q) != nil || s.blob(q.OID) == nil || int64(len(s.blob(q.OID))) != q.Size {
		w.WriteHeader(http.StatusNotFound)
	}
}

// serveUpload takes contents, and the parts of contents, whose SHA-256 it compares.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	verb, oid, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := io.ReadAll(r.Body)
	if r.URL.Query().Get("Signature") != "secret" || r.Header.Get("Authorization") != "" || err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	part, err := strconv.Atoi(r.URL.Query().Get("part"))
	switch {
	case verb == "complete":
		var q struct {
			Parts []struct {
				PartNumber int
				ETag       string
			}
		}
		json.Unmarshal(body, &q)
		body = nil
		for _, p := range q.Parts {
			if p.ETag != tagOf(s.store.parts[oid][p.PartNumber]) {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			body = append(body, s.store.parts[oid][p.PartNumber]...)
		}
	case err == nil:
		if s.store.parts[oid] == nil {
			s.store.parts[oid] = map[int][]byte{}
		}
		s.store.parts[oid][part] = body
		w.Header().Set("ETag", tagOf(body))
		return
	}
	sum := sha256.Sum256(body)
	if hex.EncodeToString(sum[:]) != oid {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.store.blobs[oid] = body
}

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func (s *Server) serveCommit(w http.ResponseWriter, r *http.Request, repo *Repo) {
	files := fstest.MapFS{}
	for _, e := range repo.list {
		text, err := fs.ReadFile(repo.files, e.Name)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		files[e.Name] = &fstest.MapFile{Data: text}
	}
	summary := ""
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var line struct {
			Key   string
			Value struct{ Summary, ParentCommit, Path, Content, Encoding, Algo, OID string }
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		v := line.Value
		switch line.Key {
		case "header":
			if summary = v.Summary; v.ParentCommit != "" && v.ParentCommit != repo.Commit {
				refuse(w, http.StatusPreconditionFailed, "", "A commit has happened since. Please refresh and try again.")
				return
			}
		case "file":
			text, err := base64.StdEncoding.DecodeString(v.Content)
			if err != nil || v.Encoding != "base64" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			files[v.Path] = &fstest.MapFile{Data: text}
		case "lfsFile":
			blob := s.blob(v.OID)
			if blob == nil || v.Algo != "sha256" {
				refuse(w, http.StatusBadRequest, "", "lfs object is missing")
				return
			}
			files[v.Path] = &fstest.MapFile{Data: blob}
		}
	}
	if lines.Err() != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	changed := s.AddRepo(repo.ID, maps.Clone(files))
	s.mu.Lock()
	changed.Token, changed.Gated, changed.Refused, changed.Direct = repo.Token, repo.Gated, repo.Refused, repo.Direct
	s.store.commits = append(s.store.commits, summary)
	s.mu.Unlock()
	answer(w, map[string]any{"success": true, "commitOid": changed.Commit, "commitUrl": s.URL + "/" + repo.ID + "/commit/" + changed.Commit})
}
