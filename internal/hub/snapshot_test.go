package hub_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/hub/hubtest"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// start serves files as owner/name and returns a client that does not wait.
func start(t *testing.T, files fstest.MapFS) (*hubtest.Server, *hubtest.Repo, *hub.Client) {
	t.Helper()
	server := hubtest.NewServer()
	t.Cleanup(server.Close)
	repo := server.AddRepo("owner/name", files)
	client := &hub.Client{
		Endpoint: server.URL, Cache: t.TempDir(), Stall: 20 * time.Second,
		Retry: ranges.Retry{Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }},
	}
	return server, repo, client
}

var main = hub.Repo{ID: "owner/name", Revision: "main"}

func snapshot(t *testing.T, client *hub.Client) *hub.Snapshot {
	t.Helper()
	s, err := client.Snapshot(t.Context(), main)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshot(t *testing.T) {
	_, repo, client := start(t, fstest.MapFS{
		"z.txt":              {Data: []byte("hello\n")},
		"model.safetensors":  {Data: []byte("weights")},
		"sub/dir/empty file": {},
	})
	s := snapshot(t, client)
	want := []hub.File{
		{Path: "model.safetensors", Size: 7},
		{Path: "sub/dir/empty file", GitID: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}, // git hash-object
		{Path: "z.txt", Size: 6, GitID: "ce013625030ba8dba906f756967f9e9ca394464a"},
	}
	if s.Commit != repo.Commit || s.Repo != main || len(s.Files) != 3 || s.Refused != nil {
		t.Fatalf("%+v", s)
	}
	if f := s.Files[0]; f.Path != want[0].Path || f.Size != 7 || len(f.SHA256) != 64 || len(f.GitID) != 40 || f.Blob() != f.SHA256 {
		t.Errorf("%+v", f)
	}
	for i := 1; i < 3; i++ {
		if s.Files[i] != want[i] || s.Files[i].Blob() != want[i].GitID {
			t.Errorf("%+v, want %+v", s.Files[i], want[i])
		}
		if f, err := s.File(want[i].Path); err != nil || f != want[i] {
			t.Errorf("%+v, %v", f, err)
		}
	}
	if _, err := s.File("absent"); !errors.Is(err, hub.ErrFileNotFound) {
		t.Error(err)
	}
	if _, err := s.File("../z.txt"); !errors.Is(err, hub.ErrPath) {
		t.Error(err)
	}
	// A commit is a revision too.
	if s, err := client.Snapshot(t.Context(), hub.Repo{ID: "owner/name", Revision: repo.Commit}); err != nil || s.Commit != repo.Commit {
		t.Error(err)
	}
}

func TestAccess(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(r *hubtest.Repo)
		token  hub.Token
		repo   hub.Repo
		file   bool // listing works, the file does not
		wants  []error
		remedy string
	}{
		{"absent, no token", nil, "", hub.Repo{ID: "owner/other", Revision: "main"}, false, []error{hub.ErrRepoNotFound, hub.ErrNoToken}, "set HF_TOKEN"},
		{"absent, token", nil, "t", hub.Repo{ID: "owner/other", Revision: "main"}, false, []error{hub.ErrRepoNotFound}, "check the name"},
		{"revision", nil, "", hub.Repo{ID: "owner/name", Revision: "v2"}, false, []error{hub.ErrRevisionNotFound}, "no such revision"},
		{"private, no token", func(r *hubtest.Repo) { r.Token = "good" }, "", main, false, []error{hub.ErrRepoNotFound, hub.ErrNoToken}, "set HF_TOKEN"},
		{"private, wrong token", func(r *hubtest.Repo) { r.Token = "good" }, "bad-token", main, false, []error{hub.ErrToken}, "wrong or expired"},
		{"gated, no token", func(r *hubtest.Repo) { r.Token, r.Gated = "good", true }, "", main, true, []error{hub.ErrGated, hub.ErrNoToken}, "/owner/name, then set HF_TOKEN"},
		{"gated, wrong token", func(r *hubtest.Repo) { r.Token, r.Gated = "good", true }, "bad-token", main, false, []error{hub.ErrToken}, "wrong or expired"},
		{"gated, not accepted", func(r *hubtest.Repo) { r.Token, r.Gated, r.Refused = "good", true, true }, "good", main, true, []error{hub.ErrGated}, "accept its terms at http"},
		{"bad id", nil, "", hub.Repo{ID: "../x", Revision: "main"}, false, []error{hub.ErrRepo}, "write owner/name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, repo, client := start(t, fstest.MapFS{"a.bin": {Data: []byte("a")}})
			if c.set != nil {
				c.set(repo)
			}
			client.Token = c.token
			s, err := client.Snapshot(t.Context(), c.repo)
			if c.file {
				if err != nil {
					t.Fatal(err)
				}
				_, err = client.Download(t.Context(), s, s.Files[0], nil)
			}
			for _, want := range c.wants {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.remedy) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "bad-token") {
				t.Errorf("got %v", err)
			}
			if n := len(server.Requests()); n > 2 {
				t.Errorf("%d requests: refusals are final", n)
			}
		})
	}
}

func TestAccessGranted(t *testing.T) {
	server, repo, client := start(t, fstest.MapFS{"a.bin": {Data: []byte("a")}, "b.txt": {Data: []byte("b")}})
	repo.Token, repo.Gated, client.Token = "hf_secret", true, "hf_secret"
	s := snapshot(t, client)
	for _, f := range s.Files {
		if _, err := client.Download(t.Context(), s, f, nil); err != nil {
			t.Fatal(err)
		}
	}
	places := map[hubtest.Place]int{}
	for _, r := range server.Requests() {
		places[r.Place]++
		if (r.Token == "hf_secret") == (r.Place == hubtest.Content) || r.Place == hubtest.Content && r.Token != "" {
			t.Errorf("%s %s got the token %q", r.Place, r.Path, r.Token)
		}
	}
	if places[hubtest.Content] != 1 || places[hubtest.Resolve] != 2 {
		t.Errorf("%v", places)
	}
}

func TestTokenIsNotPrinted(t *testing.T) {
	client := &hub.Client{Token: "hf_secret", Endpoint: "http://x"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(format, *client) + fmt.Sprintf(format, client.Token); strings.Contains(got, "secret") || strings.Contains(got, fmt.Sprintf("%x", "secret")) {
			t.Errorf("%s: %s", format, got)
		}
	}
	if text, _ := client.Token.MarshalText(); string(text) != "[token]" {
		t.Errorf("%s", text)
	}
}

// Renamed repositories are redirected within the hub; there the token stays.
func TestRedirectWithinHub(t *testing.T) {
	server, repo, client := start(t, fstest.MapFS{"b.txt": {Data: []byte("b")}})
	repo.Token, client.Token = "secret", "secret"
	server.Inject(hubtest.API, 1, hubtest.Status(307, "Location", "/api/models/owner/name/revision/main?blobs=true"))
	if s, err := client.Snapshot(t.Context(), hub.Repo{ID: "old/name", Revision: "main"}); err != nil || len(s.Files) != 1 {
		t.Fatal(err)
	}
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	server, _, client := start(t, nil)
	for _, location := range []string{"", "file:///etc/passwd", "ftp://x/y", "http://user:pass@127.0.0.1/", "http://", "/api/models/owner/name/revision/main"} {
		server.Inject(hubtest.API, -1, hubtest.Status(302, "Location", location))
		if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrResponse) {
			t.Errorf("%q: %v", location, err)
		}
		server.Heal()
	}
}

func TestListingsThatMakeNoSense(t *testing.T) {
	server, _, client := start(t, nil)
	const sha, blob = `"sha":"0123456789012345678901234567890123456789"`, `"blobId":"0123456789012345678901234567890123456789"`
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `{`, `<html>`, `{` + sha + `}`, `{` + sha + `,"siblings":null}`, `{` + sha + `,"siblings":{}}`, `{"siblings":[]}`,
		`{"sha":"main","siblings":[]}`, `{"sha":"../../../../../../../../../../../../../x","siblings":[]}`,
		`{` + sha + `,"siblings":[{}]}`, `{` + sha + `,"siblings":[null]}`, `{` + sha + `,"siblings":[{"rfilename":"a"}]}`,
		`{` + sha + `,"siblings":[{"rfilename":"a","size":1}]}`, `{` + sha + `,"siblings":[{"rfilename":"a",` + blob + `}]}`,
		`{` + sha + `,"siblings":[{"rfilename":"a",` + blob + `,"size":-1}]}`, `{` + sha + `,"siblings":[{"rfilename":"a",` + blob + `,"size":1e30}]}`,
		`{` + sha + `,"siblings":[{"rfilename":"a",` + blob + `,"size":1,"lfs":{"sha256":"../x","size":1}}]}`,
		`{` + sha + `,"siblings":[{"rfilename":"a",` + blob + `,"size":1},{"rfilename":"a",` + blob + `,"size":1}]}`,
		`{` + sha + `,"siblings":[` + strings.Repeat("[", 20000),
	} {
		server.Inject(hubtest.API, 1, hubtest.Body(body))
		if s, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrResponse) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.100s: %+v, %v", body, s, err)
		}
	}
	server.Inject(hubtest.API, 1, hubtest.Endless(" "))
	if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrResponse) {
		t.Errorf("endless: %v", err)
	}
}

func TestNastyNames(t *testing.T) {
	server, _, client := start(t, nil)
	bad := []string{
		"", ".", "..", "../a", "a/../b", "/a", "a/", "a//b", `a\b`, `..\a`, `C:\a`, "c:a", "a:stream", "a/b:$DATA", "nul", "NUL.txt", "a/con", "aux.json", "com1", "LPT9.x",
		"COM¹", "a.", "a ", "a/b./c", "a\x00b", "a\nb", "a\x7f", strings.Repeat("x", 256), strings.Repeat("x/", 600) + "x",
	}
	good := []string{"ok.txt", "a b/c+d#e%f?.json", "ünï/码.txt", ".gitattributes", "console", "com10", "-rf"}
	var list []string
	for _, name := range append(bad, good...) {
		list = append(list, fmt.Sprintf(`{"rfilename":%q,"size":0,"blobId":"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}`, name))
	}
	body := `{"sha":"0123456789012345678901234567890123456789","siblings":[` + strings.Join(list, ",") + `]}`
	body = strings.NewReplacer(`\x00`, `\u0000`, `\x7f`, `\u007f`).Replace(body)
	server.Inject(hubtest.API, 1, hubtest.Body(body))
	s := snapshot(t, client)
	if len(s.Files) != len(good) || len(s.Refused) != len(bad) {
		t.Errorf("kept %v, refused %q", s.Files, s.Refused)
	}
	// Nor does a snapshot made by hand leave the cache.
	for _, name := range bad {
		f := hub.File{Path: name, GitID: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}
		if path, err := client.Download(t.Context(), s, f, nil); !errors.Is(err, hub.ErrPath) {
			t.Errorf("%q: %q, %v", name, path, err)
		}
		if _, err := client.OpenRemote(s, f, nil); !errors.Is(err, hub.ErrPath) {
			t.Errorf("%q: %v", name, err)
		}
	}
	f := hub.File{Path: "a", GitID: "../x"}
	if _, err := client.Download(t.Context(), s, f, nil); !errors.Is(err, hub.ErrResponse) {
		t.Error(err)
	}
}

func TestRetries(t *testing.T) {
	server, _, client := start(t, fstest.MapFS{"b.txt": {Data: []byte("b")}})
	var pauses []time.Duration
	client.Retry.Wait = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
	client.Retry.Jitter = func() float64 { return 0.5 }
	server.Inject(hubtest.API, 1, hubtest.Status(429, "Retry-After", "7"))
	server.Inject(hubtest.API, 1, hubtest.Status(500))
	server.Inject(hubtest.API, 1, hubtest.Drop(10))
	server.Inject(hubtest.API, 1, hubtest.Status(503, "Retry-After", time.Now().Add(time.Hour/60).UTC().Format(http.TimeFormat)))
	server.Inject(hubtest.API, 1, hubtest.Status(504))
	snapshot(t, client)
	want := []time.Duration{7 * time.Second, 750 * time.Millisecond, 1500 * time.Millisecond, 0, 6 * time.Second}
	if len(pauses) != 5 || pauses[0] != want[0] || pauses[1] != want[1] || pauses[2] != want[2] || pauses[3] < 50*time.Second || pauses[4] != want[4] {
		t.Errorf("%v, want %v", pauses, want)
	}
	server.Inject(hubtest.API, -1, hubtest.Status(502))
	if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrUnavailable) || !strings.Contains(err.Error(), "6 attempts") || !strings.Contains(err.Error(), "502 Bad Gateway") {
		t.Error(err)
	}
	server.Heal()
	before := server.Count(hubtest.API)
	server.Inject(hubtest.API, -1, hubtest.Status(429, "Retry-After", "86400"))
	if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrUnavailable) || !strings.Contains(err.Error(), "24h") || server.Count(hubtest.API) != before+1 {
		t.Error(err)
	}
	server.Heal()
	server.Inject(hubtest.API, -1, hubtest.Status(418, "X-Error-Message", "tea\r\nonly\u009b"))
	if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrResponse) || strings.ContainsAny(err.Error(), "\r\n\u009b") || !strings.Contains(err.Error(), "tea") {
		t.Error(err)
	}
}

func TestNobodyThere(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	client := &hub.Client{Endpoint: dead.URL, Retry: ranges.Retry{Attempts: 2, First: 1}}
	if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrUnavailable) {
		t.Error(err)
	}
	for _, endpoint := range []string{"", "huggingface.co", "ftp://x", "http://", "https://user:pass@x", ":", "http://x?y", "http://x#y"} {
		client.Endpoint = endpoint
		if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrEndpoint) || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	// A server whose certificate nobody vouches for is not asked again.
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	client.Endpoint = secure.URL
	client.Retry.Wait = func(context.Context, time.Duration) error { t.Error("asked again"); return nil }
	if _, err := client.Snapshot(t.Context(), main); !errors.Is(err, hub.ErrUnavailable) {
		t.Error(err)
	}
}

func TestCancelAndStall(t *testing.T) {
	server, _, client := start(t, fstest.MapFS{"b.txt": {Data: []byte("b")}})
	server.Inject(hubtest.API, -1, hubtest.Stall(5, time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := client.Snapshot(ctx, main); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	server.Heal()
	server.Inject(hubtest.API, 1, hubtest.Stall(5, time.Minute))
	client.Stall = 500 * time.Millisecond // a busy machine answers within that
	snapshot(t, client)
}
