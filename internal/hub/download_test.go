package hub_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/hub/hubtest"
)

// noise returns n bytes that are the same every time.
func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(p)
	return p
}

func digest(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// tree lists what lies below dir: "path", "path -> target".
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		name = filepath.ToSlash(name)
		if target, err := os.Readlink(path); err == nil {
			name += " -> " + filepath.ToSlash(target)
		}
		list = append(list, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCacheLayout(t *testing.T) {
	weights := noise(300_000)
	_, repo, client := start(t, fstest.MapFS{
		"config.json":         {Data: []byte("hello\n")},
		"sub/deep/model.gguf": {Data: weights},
		"model.safetensors":   {Data: weights}, // the same blob
		"empty":               {},
		"a b/ü #1%20?.txt":    {Data: []byte("odd")},
	})
	if err := os.Symlink("x", filepath.Join(t.TempDir(), "y")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	s := snapshot(t, client)
	for _, f := range s.Files {
		path, err := client.Download(t.Context(), s, f, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(client.Dir(s), filepath.FromSlash(f.Path)); path != want {
			t.Errorf("%s, want %s", path, want)
		}
	}
	sha, root := digest(weights), "models--owner--name/"
	odd, _ := s.File("a b/ü #1%20?.txt")
	at := root + "snapshots/" + repo.Commit
	want := []string{
		".locks/models--owner--name/" + sha + ".lock",
		".locks/models--owner--name/" + odd.GitID + ".lock",
		".locks/models--owner--name/ce013625030ba8dba906f756967f9e9ca394464a.lock",
		".locks/models--owner--name/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391.lock",
		root + "blobs/" + sha,
		root + "blobs/" + odd.GitID,
		root + "blobs/ce013625030ba8dba906f756967f9e9ca394464a",
		root + "blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
		root + "refs/main",
		at + "/a b/ü #1%20?.txt -> ../../../blobs/" + odd.GitID,
		at + "/config.json -> ../../blobs/ce013625030ba8dba906f756967f9e9ca394464a",
		at + "/empty -> ../../blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
		at + "/model.safetensors -> ../../blobs/" + sha,
		at + "/sub/deep/model.gguf -> ../../../../blobs/" + sha,
	}
	got := tree(t, client.Cache)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for name, content := range map[string]string{"blobs/" + sha: string(weights), "refs/main": repo.Commit} {
		if got, err := os.ReadFile(filepath.Join(client.Cache, root, name)); string(got) != content {
			t.Errorf("%s differs (%v)", name, err)
		}
	}
}

func TestOffline(t *testing.T) {
	server, repo, client := start(t, fstest.MapFS{"config.json": {Data: []byte("hello\n")}, "model.gguf": {Data: noise(1000)}, "left.txt": {}})
	offline := *client
	offline.Offline, offline.Endpoint = true, "http://127.0.0.1:1"
	if _, err := offline.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrOffline) {
		t.Errorf("empty cache: %v", err)
	}
	s := snapshot(t, client)
	for _, name := range []string{"config.json", "model.gguf"} {
		f, _ := s.File(name)
		if _, err := client.Download(t.Context(), s, f, nil); err != nil {
			t.Fatal(err)
		}
	}
	server.Close()
	for _, revision := range []string{"main", repo.Commit} {
		got, err := offline.Snapshot(t.Context(), hub.Repo{ID: "owner/name", Revision: revision})
		if err != nil || got.Commit != repo.Commit || len(got.Files) != 2 {
			t.Fatalf("%s: %+v, %v", revision, got, err)
		}
		for _, f := range got.Files {
			if online, _ := s.File(f.Path); f.Size != online.Size || f.Blob() != online.Blob() {
				t.Errorf("%+v, online %+v", f, online)
			}
			if path, err := offline.Download(t.Context(), got, f, nil); err != nil {
				t.Errorf("%s, %v", path, err)
			}
		}
	}
	left, _ := s.File("left.txt")
	if _, err := offline.Download(t.Context(), s, left, nil); !errors.Is(err, hub.ErrOffline) {
		t.Error(err)
	}
	if _, err := offline.OpenRemote(s, left, nil); !errors.Is(err, hub.ErrOffline) {
		t.Error(err)
	}
	for _, other := range []hub.Repo{{ID: "owner/name", Revision: "v1"}, {ID: "owner/other", Revision: "main"}, {ID: "owner/name", Revision: strings.Repeat("a", 40)}} {
		if _, err := offline.Snapshot(t.Context(), other); !errors.Is(err, hub.ErrOffline) {
			t.Errorf("%v: %v", other, err)
		}
	}
	ref := filepath.Join(client.Cache, "models--owner--name", "refs", "main")
	if err := os.WriteFile(ref, []byte("../../../../../../etc"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := offline.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrOffline) {
		t.Error(err)
	}
}

// A download goes through whatever passes, and what it stores is right.
func TestDownloadMisbehaviour(t *testing.T) {
	content := noise(1_000_000)
	for name, inject := range map[string]func(s *hubtest.Server){
		"drops":            func(s *hubtest.Server) { s.Inject(hubtest.Content, 8, hubtest.Drop(100_000)) },
		"drops at once":    func(s *hubtest.Server) { s.Inject(hubtest.Content, 3, hubtest.Drop(0)) },
		"hub stumbles":     func(s *hubtest.Server) { s.Inject(hubtest.Resolve, 3, hubtest.Status(503, "Retry-After", "1")) },
		"content stumbles": func(s *hubtest.Server) { s.Inject(hubtest.Content, 3, hubtest.Status(500)) },
		"stalls":           func(s *hubtest.Server) { s.Inject(hubtest.Content, 1, hubtest.Stall(300_000, time.Minute)) },
		"without ranges": func(s *hubtest.Server) {
			s.Inject(hubtest.Content, 1, hubtest.Drop(500_000))
			s.Inject(hubtest.Content, -1, hubtest.NoRange())
		},
		"a flipped byte": func(s *hubtest.Server) { s.Inject(hubtest.Content, 1, hubtest.Corrupt(77)) },
		"changed in between": func(s *hubtest.Server) {
			s.Inject(hubtest.Content, 1, hubtest.Drop(500_000))
			s.Inject(hubtest.Content, 1, hubtest.Header("ETag", `"new"`))
		},
		"address expired": func(s *hubtest.Server) {
			s.Inject(hubtest.Content, 1, hubtest.Drop(500_000))
			s.Inject(hubtest.Content, 1, hubtest.Status(403))
		},
		"partial range": func(s *hubtest.Server) {
			s.Inject(hubtest.Content, 1, hubtest.Drop(500_000))
			s.Inject(hubtest.Content, 1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				r.Header.Set("Range", "bytes=500000-599999")
				next.ServeHTTP(w, r)
			})
		},
		"no length": func(s *hubtest.Server) { s.Inject(hubtest.Content, 1, hubtest.Header("Content-Length", "")) },
	} {
		t.Run(name, func(t *testing.T) {
			server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
			client.Stall = 300 * time.Millisecond
			s := snapshot(t, client)
			inject(server)
			path, err := client.Download(t.Context(), s, s.Files[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			for _, name := range tree(t, client.Cache) {
				if strings.HasSuffix(name, ".incomplete") {
					t.Error(name)
				}
			}
		})
	}
}

func TestDownloadFails(t *testing.T) {
	content := noise(300_000)
	for _, c := range []struct {
		name   string
		inject func(s *hubtest.Server)
		want   error
	}{
		{"always corrupt", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Corrupt(5)) }, hub.ErrChecksum},
		{"another file at the hub", func(s *hubtest.Server) {
			s.Inject(hubtest.Resolve, -1, hubtest.Header("X-Linked-Etag", `"`+strings.Repeat("0", 64)+`"`))
		}, hub.ErrChanged},
		{"another commit", func(s *hubtest.Server) { s.Inject(hubtest.Resolve, -1, hubtest.Header("X-Repo-Commit", "x")) }, hub.ErrChanged},
		{"another length", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Body("short", "Content-Length", "5")) }, hub.ErrChanged},
		{"no length and short", func(s *hubtest.Server) {
			s.Inject(hubtest.Content, -1, hubtest.Body("short", "Transfer-Encoding", "chunked"))
		}, hub.ErrUnavailable},
		{"encoded", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Header("Content-Encoding", "br")) }, hub.ErrResponse},
		{"range lies about its start", func(s *hubtest.Server) {
			s.Inject(hubtest.Content, 1, hubtest.Drop(100_000))
			s.Inject(hubtest.Content, -1, hubtest.Header("Content-Range", "bytes 0-199999/300000"))
		}, hub.ErrResponse},
		{"range lies about the total", func(s *hubtest.Server) {
			s.Inject(hubtest.Content, 1, hubtest.Drop(100_000))
			s.Inject(hubtest.Content, 1, hubtest.Header("Content-Range", "bytes 100000-299999/300001"))
			s.Inject(hubtest.Content, -1, hubtest.Body("short", "Content-Length", "5"))
		}, hub.ErrChanged},
		{"gone", func(s *hubtest.Server) {
			s.Inject(hubtest.Resolve, -1, hubtest.Status(404, "X-Error-Code", "EntryNotFound"))
		}, hub.ErrFileNotFound},
		{"content forbidden", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Status(403)) }, hub.ErrResponse},
		{"drops for ever", func(s *hubtest.Server) { s.Inject(hubtest.Content, -1, hubtest.Drop(10)) }, hub.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
			s := snapshot(t, client)
			c.inject(server)
			path, err := client.Download(t.Context(), s, s.Files[0], nil)
			if !errors.Is(err, c.want) || path != "" || strings.Contains(err.Error(), "Signature") || !strings.HasPrefix(err.Error(), "owner/name@main: model.gguf: ") {
				t.Fatalf("%q, %v, want %v", path, err, c.want)
			}
			for _, name := range tree(t, client.Cache) {
				if !strings.HasSuffix(name, ".incomplete") && !strings.HasSuffix(name, ".lock") {
					t.Errorf("%s stays", name)
				}
			}
			// And it can still be had.
			server.Heal()
			if _, err := client.Download(t.Context(), s, s.Files[0], nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a cancelled download has brought is not fetched again, by another client.
func TestCancelAndResume(t *testing.T) {
	content := noise(2_000_000)
	server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
	s := snapshot(t, client)
	server.Inject(hubtest.Content, 1, hubtest.Stall(1_500_000, time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Download(ctx, s, s.Files[0], func(done, total int64) {
		if done >= 1_500_000 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	want := []string{".locks/models--owner--name/" + digest(content) + ".lock", "models--owner--name/blobs/" + digest(content) + ".incomplete"}
	if got := tree(t, client.Cache); !slices.Equal(got, want) {
		t.Fatalf("left %q", got)
	}
	var first int64 = -1
	path, err := client.Download(t.Context(), s, s.Files[0], func(done, total int64) {
		if first < 0 {
			first = done
		}
		if total != 2_000_000 || done > total {
			t.Errorf("%d of %d", done, total)
		}
	})
	if err != nil || first <= 1_500_000 {
		t.Fatalf("%v, began at %d", err, first)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, content) {
		t.Error("content differs")
	}
	requests := server.Requests()
	if last := requests[len(requests)-1]; last.Range != "bytes=1500000-1999999" {
		t.Errorf("%+v", last)
	}
}

// A partial file of something else, or too long, is found out and started over.
func TestResumeFromRubbish(t *testing.T) {
	content := noise(100_000)
	for name, rubbish := range map[string][]byte{
		"other": make([]byte, 50_000), "full length": make([]byte, 100_000), "longer": make([]byte, 100_001), "empty": {}, "right": content,
	} {
		_, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
		s := snapshot(t, client)
		blobs := filepath.Join(client.Cache, "models--owner--name", "blobs")
		if err := os.MkdirAll(blobs, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(blobs, digest(content)+".incomplete"), rubbish, 0o666); err != nil {
			t.Fatal(err)
		}
		path, err := client.Download(t.Context(), s, s.Files[0], nil)
		if got, _ := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A blob of the wrong size, such as a torn copy of the cache, is replaced.
func TestTornBlob(t *testing.T) {
	content := noise(1000)
	_, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}})
	s := snapshot(t, client)
	path, err := client.Download(t.Context(), s, s.Files[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	path, err = client.Download(t.Context(), s, s.Files[0], nil)
	if got, _ := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Error(err)
	}
}

func TestConcurrentDownloads(t *testing.T) {
	content := noise(500_000)
	server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: content}, "copy.gguf": {Data: content}})
	s := snapshot(t, client)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			path, err := client.Download(t.Context(), s, s.Files[i%2], nil)
			if got, _ := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := server.Count(hubtest.Content); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

// While another writes the blob, a download waits and can be cancelled.
func TestWaitForLock(t *testing.T) {
	server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: noise(1000)}})
	s := snapshot(t, client)
	server.Inject(hubtest.Content, 1, hubtest.Stall(10, time.Minute))
	first, stop := context.WithCancel(t.Context())
	done := make(chan error)
	began := make(chan struct{}, 10)
	go func() {
		_, err := client.Download(first, s, s.Files[0], func(int64, int64) { began <- struct{}{} })
		done <- err
	}()
	<-began
	second, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if _, err := client.Download(second, s, s.Files[0], nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if n := server.Count(hubtest.Content); n != 1 {
		t.Errorf("%d requests", n)
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDiskSpace(t *testing.T) {
	server, _, client := start(t, fstest.MapFS{"model.gguf": {Data: noise(10)}})
	s := snapshot(t, client)
	s.Files[0].Size = 1 << 50
	_, err := client.Download(t.Context(), s, s.Files[0], nil)
	if !errors.Is(err, syscall.ENOSPC) || server.Count(hubtest.Resolve) != 0 {
		t.Errorf("%v", err)
	}
}

// A cache that cannot be written serves what it holds.
func TestReadOnlyCache(t *testing.T) {
	_, _, client := start(t, fstest.MapFS{"a.txt": {Data: []byte("a")}, "b.txt": {Data: []byte("b")}})
	s := snapshot(t, client)
	if _, err := client.Download(t.Context(), s, s.Files[0], nil); err != nil {
		t.Fatal(err)
	}
	// A file where a directory should be fails for root too.
	if err := os.RemoveAll(filepath.Join(client.Cache, ".locks")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(client.Cache, ".locks"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Download(t.Context(), s, s.Files[0], nil); err != nil {
		t.Error(err)
	}
	var pathError *fs.PathError
	if _, err := client.Download(t.Context(), s, s.Files[1], nil); !errors.As(err, &pathError) {
		t.Error(err)
	}
}

// The ref follows the branch.
func TestRefMoves(t *testing.T) {
	server, repo, client := start(t, fstest.MapFS{"a.txt": {Data: []byte("a")}})
	s := snapshot(t, client)
	if _, err := client.Download(t.Context(), s, s.Files[0], nil); err != nil {
		t.Fatal(err)
	}
	moved := server.AddRepo("owner/name", fstest.MapFS{"a.txt": {Data: []byte("new")}})
	s = snapshot(t, client)
	path, err := client.Download(t.Context(), s, s.Files[0], nil)
	if got, _ := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Fatalf("%q, %v", got, err)
	}
	ref, _ := os.ReadFile(filepath.Join(client.Cache, "models--owner--name", "refs", "main"))
	if string(ref) != moved.Commit || moved.Commit == repo.Commit {
		t.Errorf("%s", ref)
	}
	old, err := os.ReadFile(filepath.Join(client.Cache, "models--owner--name", "snapshots", repo.Commit, "a.txt"))
	if string(old) != "a" {
		t.Errorf("%q, %v", old, err)
	}
}
