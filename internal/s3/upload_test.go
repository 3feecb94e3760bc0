package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/s3"
	"github.com/helix-substrate/helix-substrate/internal/s3/s3test"
	"github.com/helix-substrate/helix-substrate/storage"
)

// TestUpload: what was stored in parts is there, and known by its hash; another's object of that size is not taken for it.
func TestUpload(t *testing.T) {
	var puts atomic.Int32
	store := s3test.New(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				puts.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	u, err := s3.NewUploader(s3test.Bucket, "x/y", s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<16)
	digest := sha256.Sum256(content)
	size, sum := int64(len(content)), hex.EncodeToString(digest[:])
	store.Put(t, "x/y/w.bin", make([]byte, size))
	if has, err := u.Has(t.Context(), "w.bin", size, sum); has || err != nil {
		t.Error(has, err)
	}
	if has, err := u.Has(t.Context(), "none", size, sum); has || err != nil {
		t.Error(has, err)
	}
	last := int64(0)
	if err := u.Put(t.Context(), "w.bin", bytes.NewReader(content), size, sum, func(done int64) { last = done }); err != nil {
		t.Fatal(err)
	}
	if puts.Load() < 2 || last != size {
		t.Errorf("%d requests, %d of %d bytes", puts.Load(), last, size)
	}
	if has, err := u.Has(t.Context(), "w.bin", size, sum); !has || err != nil {
		t.Error(has, err)
	}
	place, err := s3.Open(s3test.Bucket, "x/y", s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := storage.ReadFile(t.Context(), place, "w.bin", size); err != nil || !bytes.Equal(got, content) {
		t.Error("it is not what was sent", err)
	}
	if u, err = s3.NewUploader("nosuch", "", s3.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := u.Put(t.Context(), "w.bin", bytes.NewReader(content), size, sum, func(int64) {}); !errors.Is(err, s3.ErrBucket) && !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

// TestUploadStalls: a store that takes nothing of what is sent ends the upload, and not only the caller's patience.
func TestUploadStalls(t *testing.T) {
	ended := make(chan struct{})
	s3test.New(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				<-ended
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	t.Cleanup(func() { close(ended) })
	u, err := s3.NewUploader(s3test.Bucket, "", s3.Options{Stall: 200 * time.Millisecond, Retry: ranges.Retry{Attempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 15<<20)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := u.Put(ctx, "w.bin", bytes.NewReader(content), int64(len(content)), "x", func(int64) {}); !errors.Is(err, ranges.ErrUnavailable) || ctx.Err() != nil {
		t.Error(err)
	}
}
