package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/s3"
	"github.com/helix-substrate/helix-substrate/internal/s3/s3test"
)

// quick has short pauses.
var quick = s3.Options{Retry: ranges.Retry{First: time.Millisecond, Longest: 5 * time.Millisecond}, Stall: 5 * time.Second}

func open(t *testing.T, address string) *s3.Bucket {
	t.Helper()
	bucket, prefix, err := s3.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s3.Open(bucket, prefix, quick)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(b *s3.Bucket, name string) ([]byte, error) {
	f, err := b.Open(context.Background(), name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content := make([]byte, f.Size())
	_, err = f.ReadAt(content, 0)
	return content, err
}

func TestBucket(t *testing.T) {
	var signed, other atomic.Int64
	var status atomic.Int64 // of objects, 0 for what the store says
	var region atomic.Pointer[string]
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other.Add(1) }))
	defer elsewhere.Close()
	store := s3test.New(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				signed.Add(1)
			}
			code := int(status.Load())
			if code == 0 {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Location", elsewhere.URL+r.URL.Path)
			if at := region.Load(); at != nil {
				w.Header().Set("X-Amz-Bucket-Region", *at)
			}
			w.WriteHeader(code)
		})
	})
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	names := []string{"a+b c%2F?#ü.bin", "config.json", "empty", "large"}
	for _, name := range names {
		store.Put(t, "dir/"+name, []byte(name))
	}
	store.Put(t, "dir/empty", nil)
	store.Put(t, "dir/large", large)
	store.Put(t, "dir/folder/file", []byte("below"))
	store.Put(t, "dir2/file", []byte("beside"))

	b := open(t, "s3://models/dir/")
	if got, err := b.Names(t.Context()); err != nil || !slices.Equal(got, names) {
		t.Errorf("%q, %v", got, err)
	}
	for name, want := range map[string][]byte{names[0]: []byte(names[0]), "large": large, "empty": {}, "folder/file": []byte("below")} {
		if got, err := read(b, name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if signed.Load() > 0 {
		t.Error("signed, with no credentials")
	}
	for name, want := range map[string]error{"missing": fs.ErrNotExist, "../dir2/file": fs.ErrInvalid, "/x": fs.ErrInvalid} {
		if _, err := b.Open(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := open(t, "s3://other/dir").Open(t.Context(), "x"); !errors.Is(err, s3.ErrBucket) {
		t.Error(err)
	}
	if got, err := open(t, "s3://models").Names(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}

	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "very secret")
	b = open(t, "s3://models/dir")
	f, err := b.Open(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if signed.Load() == 0 {
		t.Error("not signed")
	}
	store.Put(t, "dir/large", append([]byte("x"), large[1:]...))
	if _, err := f.ReadAt(make([]byte, 1), 600_000); !errors.Is(err, ranges.ErrChanged) {
		t.Error(err)
	}
	for code, want := range map[int]error{
		307: ranges.ErrResponse, 301: ranges.ErrResponse, 400: ranges.ErrResponse, 403: fs.ErrPermission, 404: fs.ErrNotExist, 500: ranges.ErrUnavailable,
	} {
		status.Store(int64(code))
		for _, try := range []error{second(read(open(t, "s3://models/dir"), "config.json")), second(open(t, "s3://models/dir").Names(t.Context()))} {
			if !errors.Is(try, want) && code != 404 || try == nil || strings.ContainsAny(try.Error(), "\n\r") || strings.Contains(try.Error(), "secret") {
				t.Errorf("%d: %v", code, try)
			}
		}
	}
	at := "eu-west-9"
	region.Store(&at)
	status.Store(301)
	if _, err := read(open(t, "s3://models/dir"), "config.json"); err == nil || !strings.Contains(err.Error(), at) {
		t.Error(err)
	}
	if other.Load() > 0 {
		t.Error("another host was asked")
	}
	// Who may not list is told 403 of what is not there.
	status.Store(0)
	b = open(t, "s3://models/dir")
	if _, err := read(b, "config.json"); err != nil {
		t.Fatal(err)
	}
	status.Store(403)
	if _, err := read(b, "missing"); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestCredentials: they come from the shared file, too, and an endpoint that is none is refused.
func TestCredentials(t *testing.T) {
	var authorization atomic.Value
	store := s3test.New(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			authorization.Store(r.Header.Get("Authorization"))
			next.ServeHTTP(w, r)
		})
	})
	store.Put(t, "file", []byte("content"))
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[work]\naws_access_key_id = WORKKEY\naws_secret_access_key = s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	t.Setenv("AWS_PROFILE", "work")
	t.Setenv("AWS_REGION", "eu-central-1")
	if _, err := read(open(t, "s3://models"), "file"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(authorization.Load()); !strings.Contains(got, "WORKKEY/") || !strings.Contains(got, "/eu-central-1/s3/") {
		t.Error(got)
	}
	for _, endpoint := range []string{"ftp://host", "host:9000", "https://u:p@host", "https://host/path", "https://host?x"} {
		t.Setenv("AWS_ENDPOINT_URL", endpoint)
		if _, err := s3.Open("models", "", quick); !errors.Is(err, ranges.ErrAddress) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	for _, address := range []string{"s3://", "s3:///x", "s3://UPPER/x", "s3://models/../x", "s3://models//x", "s3://models/a\x00"} {
		if _, _, err := s3.Parse(address); !errors.Is(err, ranges.ErrAddress) {
			t.Errorf("%q: %v", address, err)
		}
	}
}
