package hub

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/filename"
)

func TestPlace(t *testing.T) {
	fail := func(string, string) error { return errors.ErrUnsupported }
	for name, c := range map[string]struct {
		symlink, link func(old, new string) error
	}{"symbolic": {os.Symlink, fail}, "hard": {fail, os.Link}, "copy": {fail, fail}} {
		dir := t.TempDir()
		blob, entry := filepath.Join(dir, "blobs", "b"), filepath.Join(dir, "snapshots", "c", "sub", "f")
		if err := os.MkdirAll(filepath.Dir(blob), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blob, []byte("content"), 0o666); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time over the first
			if err := place(blob, entry, c.symlink, c.link); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got, err := os.ReadFile(entry); err != nil || string(got) != "content" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		target, err := os.Readlink(entry)
		if symbolic := name == "symbolic"; symbolic && filepath.ToSlash(target) != "../../../blobs/b" || !symbolic && err == nil {
			t.Errorf("%s: %q, %v", name, target, err)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	home, _ := url.Parse("https://huggingface.co")
	for address, want := range map[string]bool{
		"https://huggingface.co/x": true, "https://HuggingFace.co:443/x": true, "http://huggingface.co/x": false,
		"https://huggingface.co:8443/": false, "https://cdn.huggingface.co/": false, "https://huggingface.co.evil.example/": false,
	} {
		u, err := url.Parse(address)
		if err != nil || sameOrigin(u, home) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Whatever the answer, no panic, and only files that are safe to store.
func FuzzListing(f *testing.F) {
	for _, s := range []string{
		`{"sha":"0123456789012345678901234567890123456789","siblings":[{"rfilename":"a/b","size":3,"blobId":"0123456789012345678901234567890123456789"}]}`,
		`{"sha":"0123456789012345678901234567890123456789","siblings":[{"rfilename":"../b","lfs":{"sha256":"x","size":1}},null,{}]}`,
		`{"siblings":[[[[`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseListing(data, Repo{"a/b", "main"})
		if err != nil {
			if !errors.Is(err, ErrResponse) || strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, file := range s.Files {
			if checkFile(s, file) != nil || filename.Check(file.Path) != nil || !filepath.IsLocal(filepath.FromSlash(file.Path)) {
				t.Fatalf("%+v", file)
			}
		}
		if len(s.Files)*20 > len(data) || len(s.Refused)*10 > len(data) {
			t.Fatalf("%d files and %d refused from %d bytes", len(s.Files), len(s.Refused), len(data))
		}
	})
}
