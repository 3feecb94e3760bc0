// Package s3test has a small object store in the process, for tests.
package s3test

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Bucket is the name of a store's one bucket.
const Bucket = "models"

// Store is an object store.
type Store struct {
	backend gofakes3.Backend
}

// New starts a store with one bucket, which the environment of t names until it ends. wrap, unless it is nil, is in front of it.
func New(t testing.TB, wrap func(http.Handler) http.Handler) *Store {
	t.Helper()
	s := &Store{s3mem.New()}
	handler := gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ENDPOINT_URL_S3": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_CONFIG_FILE": os.DevNull,
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
	if err := s.backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	return s
}

// Put stores an object.
func (s *Store) Put(t testing.TB, key string, content []byte) {
	t.Helper()
	if _, err := s.backend.PutObject(Bucket, key, map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}, bytes.NewReader(content), int64(len(content)), nil); err != nil {
		t.Fatal(err)
	}
}

// PutDir stores the files below a directory on disk, below a prefix.
func (s *Store) PutDir(t testing.TB, prefix, dir string) {
	t.Helper()
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err == nil {
			s.Put(t, prefix+"/"+name, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
