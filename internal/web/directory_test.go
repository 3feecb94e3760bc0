package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/web"
)

// A request ends with the last user of its file, or with an opening that is cancelled, not when the server likes.
func TestRequestsEnd(t *testing.T) {
	ended := make(chan bool, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("Range") == "bytes=0-65535" && r.URL.Path == "/later" {
			w.Header().Set("Content-Range", "bytes 0-65535/1000000")
			w.Header().Set("Content-Length", "65536")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(make([]byte, 1<<16))
			return
		}
		if r.URL.Path == "/first" {
			w.Header().Set("Content-Range", "bytes 0-65535/1000000")
			w.WriteHeader(http.StatusPartialContent)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
		ended <- true
	}))
	defer server.Close()
	d, _, err := web.Open(server.URL+"/", web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wait := func() {
		t.Helper()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Error("the request goes on")
			server.CloseClientConnections()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := d.Open(ctx, "first"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	wait()
	f, err := d.Open(t.Context(), "later")
	if err != nil {
		t.Fatal(err)
	}
	same, err := d.Open(t.Context(), "later")
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := f.ReadAt(make([]byte, 1), 500000)
		read <- err
	}()
	f.Close()
	f.Close() // once is enough
	select {
	case err := <-read:
		t.Fatal("it has a user: ", err)
	case <-time.After(100 * time.Millisecond):
	}
	same.Close()
	wait()
	if err := <-read; err == nil {
		t.Error("it was read")
	}
	if f, err = d.Open(t.Context(), "later"); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadAt(make([]byte, 1), 0); err != nil {
		t.Error(err)
	}
}

// TestForget: a small file stays in the window for who opens it again, until somebody has found it wrong.
func TestForget(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.Repeat(strconv.Itoa(asked), 100)))
	}))
	defer server.Close()
	d, _, err := web.Open(server.URL+"/", web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	read := func(forget bool) string {
		t.Helper()
		f, err := d.Open(t.Context(), "small")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p := make([]byte, 2)
		if _, err := f.ReadAt(p, 50); err != nil {
			t.Fatal(err)
		}
		if forget {
			f.(interface{ Forget() }).Forget()
		}
		return string(p)
	}
	if a, b, c := read(false), read(true), read(false); a != "11" || b != "11" || c != "22" {
		t.Errorf("%q, %q, and %q of one that was to be forgotten", a, b, c)
	}
}
