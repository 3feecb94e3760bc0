package hub_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/hub/hubtest"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

func open(t *testing.T, client *hub.Client, window *ranges.Window) *ranges.Reader {
	t.Helper()
	s := snapshot(t, client)
	r, err := client.OpenRemote(s, s.Files[0], window)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestRemoteIsAReaderAt(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 256 << 10, 256<<10 + 1, 3_000_000} {
		content := noise(n)
		_, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
		r := open(t, client, ranges.NewWindow(0))
		if r.Size() != int64(n) {
			t.Errorf("%d bytes, want %d", r.Size(), n)
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), content); err != nil {
			t.Error(err)
		}
		if k, err := r.ReadAt(make([]byte, 10), int64(n)-5); n >= 5 && (k != 5 || err != io.EOF) {
			t.Errorf("past the end: %d, %v", k, err)
		}
		if k, err := r.ReadAt(make([]byte, 1), int64(n)+5); k != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", k, err)
		}
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
			t.Error("negative offset")
		}
	}
}

// Nothing is stored, and the token stays at the hub.
func TestRemoteStoresNothing(t *testing.T) {
	content := noise(1_000_000)
	server, repo, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
	repo.Token, client.Token = "secret", "secret"
	r := open(t, client, nil)
	got := make([]byte, len(content))
	if _, err := r.ReadAt(got, 0); err != nil || !bytes.Equal(got, content) {
		t.Fatal(err)
	}
	if left := tree(t, client.Cache); left != nil {
		t.Errorf("%q", left)
	}
	for _, request := range server.Requests() {
		if request.Place == hubtest.Content && request.Token != "" {
			t.Error("the content server got the token")
		}
	}
	if n := server.Count(hubtest.Resolve); n != 1 {
		t.Errorf("%d redirects asked for", n)
	}
	if r.Fetched() != int64(len(content)) {
		t.Errorf("%d bytes fetched", r.Fetched())
	}
}

// A first look fetches one chunk; a sequential reader's requests grow.
func TestRemoteReadAhead(t *testing.T) {
	content := noise(40 << 20)
	server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
	r := open(t, client, ranges.NewWindow(32<<20))
	p := make([]byte, 1000)
	for off := int64(0); off < 200_000; off += 1000 {
		if _, err := r.ReadAt(p, off); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Fetched(); n != 256<<10 {
		t.Errorf("%d bytes for the header", n)
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(got, content) {
		t.Fatal(err)
	}
	if n := server.Count(hubtest.Content); n > 20 {
		t.Errorf("%d requests for 40 MiB", n)
	}
	if r.Fetched() != 40<<20 {
		t.Errorf("%d bytes fetched", r.Fetched())
	}
}

// Workers that take turns in one stream, and streams of their own, fetch little
// more than once, in a window much smaller than the file. They go in rounds, since a
// worker that the system holds up for long finds its chunks gone from the window.
func TestRemoteConcurrent(t *testing.T) {
	content := noise(24 << 20)
	const piece, workers = 200_000, 4
	size := int64(len(content))
	for name, at := range map[string]func(round, worker int64) (off, end int64){
		"interleaved": func(round, worker int64) (off, end int64) {
			return (round*workers + worker) * piece, size
		},
		"own streams": func(round, worker int64) (off, end int64) {
			return worker*size/workers + round*piece, (worker + 1) * size / workers
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
			r := open(t, client, ranges.NewWindow(8<<20))
			for round := int64(0); round*workers*piece < size; round++ {
				var group sync.WaitGroup
				for worker := range int64(workers) {
					off, end := at(round, worker)
					if off >= end {
						continue
					}
					group.Go(func() {
						p := make([]byte, min(piece, end-off))
						if _, err := r.ReadAt(p, off); err != nil || !bytes.Equal(p, content[off:off+int64(len(p))]) {
							t.Errorf("%d at %d: %v", len(p), off, err)
						}
					})
				}
				group.Wait()
			}
			if r.Fetched() > size*5/4 {
				t.Errorf("%d bytes fetched of %d", r.Fetched(), size)
			}
		})
	}
}

// Many files and goroutines in the smallest window, at random: right, if slow.
func TestRemoteSharedTinyWindow(t *testing.T) {
	content := noise(5_000_000)
	_, _, client := start(t, fstest.MapFS{"a.gguf": {Data: content}, "b.gguf": {Data: content[1:]}})
	s := snapshot(t, client)
	window := ranges.NewWindow(0)
	if window.Bytes() != 8*256<<10 {
		t.Error(window.Bytes())
	}
	var group sync.WaitGroup
	for i, f := range s.Files {
		r, err := client.OpenRemote(s, f, window)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for worker := range 12 {
			random := rand.New(rand.NewPCG(uint64(i), uint64(worker)))
			group.Go(func() {
				for range 20 {
					off := random.IntN(len(content) - 400_000)
					p := make([]byte, random.IntN(300_000))
					if _, err := r.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, content[i+off:][:len(p)]) {
						t.Errorf("at %d: %v", off, err)
					}
				}
			})
		}
	}
	group.Wait()
}

func TestRemoteMisbehaviour(t *testing.T) {
	content := noise(3_000_000)
	for name, inject := range map[string]func(s *hubtest.Server){
		"drops":            func(s *hubtest.Server) { s.Inject(hubtest.Content, 20, hubtest.Drop(100_000)) },
		"drops at once":    func(s *hubtest.Server) { s.Inject(hubtest.Content, 4, hubtest.Drop(0)) },
		"hub stumbles":     func(s *hubtest.Server) { s.Inject(hubtest.Resolve, 4, hubtest.Status(429, "Retry-After", "9")) },
		"content stumbles": func(s *hubtest.Server) { s.Inject(hubtest.Content, 4, hubtest.Status(503)) },
		"stalls":           func(s *hubtest.Server) { s.Inject(hubtest.Content, 2, hubtest.Stall(50_000, time.Minute)) },
		"address expires": func(s *hubtest.Server) {
			s.Inject(hubtest.Content, 2, func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) })
			s.Inject(hubtest.Content, 1, hubtest.Status(403))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
			client.Stall = 300 * time.Millisecond
			r := open(t, client, ranges.NewWindow(4<<20))
			inject(server)
			got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if r.Fetched() != r.Size() {
				t.Errorf("%d bytes fetched: what had arrived was fetched again", r.Fetched())
			}
		})
	}
}

func TestRemoteFails(t *testing.T) {
	content := noise(1_000_000)
	for _, c := range []struct {
		name   string
		inject func(s *hubtest.Server)
		want   error
	}{
		{"no ranges", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.NoRange()) }, hub.ErrNoRanges},
		{"no ETag", func(s *hubtest.Server) {
			s.Inject(hubtest.Resolve, -1, hubtest.Header("X-Linked-Etag", ""))
			s.Inject(hubtest.Content, -1, hubtest.Header("ETag", ""))
		}, hub.ErrNoRanges},
		{"another file at the hub", func(s *hubtest.Server) {
			s.Inject(hubtest.Resolve, -1, hubtest.Header("X-Linked-Etag", `"`+strings.Repeat("0", 64)+`"`))
		}, hub.ErrChanged},
		{"another commit", func(s *hubtest.Server) { s.Inject(hubtest.Resolve, -1, hubtest.Header("X-Repo-Commit", "x")) }, hub.ErrChanged},
		{"total lies", func(s *hubtest.Server) {
			s.Inject(hubtest.Content, -1, hubtest.Header("Content-Range", "bytes 0-262143/99999999"))
		}, hub.ErrChanged},
		{"range lies", func(s *hubtest.Server) {
			s.Inject(hubtest.Content, -1, hubtest.Header("Content-Range", "bytes 1-262144/1000000"))
		}, hub.ErrResponse},
		{"no content range", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Header("Content-Range", "")) }, hub.ErrResponse},
		{"more than asked", func(s *hubtest.Server) {
			s.Inject(hubtest.Content, -1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				r.Header.Set("Range", "bytes=0-999998")
				next.ServeHTTP(w, r)
			})
		}, hub.ErrResponse},
		{"not satisfiable", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Status(416)) }, hub.ErrChanged},
		{"gone", func(s *hubtest.Server) {
			s.Inject(hubtest.Resolve, -1, hubtest.Status(404, "X-Error-Code", "EntryNotFound"))
		}, hub.ErrFileNotFound},
		{"drops for ever", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Drop(10)) }, hub.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
			r := open(t, client, nil)
			c.inject(server)
			p := make([]byte, 1000)
			n, err := r.ReadAt(p, 0)
			if !errors.Is(err, c.want) || n != 0 || strings.Contains(err.Error(), "Signature") || !strings.HasPrefix(err.Error(), "owner/name@main: model.gguf: ") {
				t.Fatalf("%d, %v, want %v", n, err, c.want)
			}
			server.Heal()
			_, err = r.ReadAt(p, 0)
			if errors.Is(c.want, hub.ErrChanged) {
				if !errors.Is(err, hub.ErrChanged) {
					t.Errorf("a changed file was read on: %v", err)
				}
			} else if err != nil || !bytes.Equal(p, content[:1000]) {
				t.Errorf("after the trouble: %v", err)
			}
		})
	}
}

// A file that is replaced between two ranges, at the same size, is never a mixture.
func TestRemoteChangesMeanwhile(t *testing.T) {
	for name, direct := range map[string]bool{"content server": false, "hub": true} {
		server, repo, client := start(t, fstest.MapFS{"model.gguf": {Data: noise(2_000_000)}})
		repo.Direct = direct
		r := open(t, client, nil)
		p := make([]byte, 1000)
		if _, err := r.ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		// The server ignores commits here, as if history had been rewritten.
		other := noise(2_000_000)
		other[1_900_000] ^= 1
		server.AddRepo("owner/name", fstest.MapFS{"model.gguf": {Data: other}}).Commit = repo.Commit
		if _, err := r.ReadAt(p, 1_900_000); !errors.Is(err, hub.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.ReadAt(p, 0); !errors.Is(err, hub.ErrChanged) {
			t.Errorf("%s, read again: %v", name, err)
		}
	}
}

func TestRemoteCloseAndCancel(t *testing.T) {
	server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: noise(1_000_000)}})
	s := snapshot(t, client)
	server.Inject(hubtest.Content, -1, hubtest.Stall(10, time.Minute))
	p := make([]byte, 100)
	closed, err := client.OpenRemote(s, s.Files[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { closed.Close() })
	for range 2 {
		if _, err := closed.ReadAt(p, 0); !errors.Is(err, hub.ErrClosed) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancelled, err := client.OpenRemote(s, s.Files[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cancelled.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := cancelled.ReadAtContext(ctx, p, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
