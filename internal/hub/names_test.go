package hub_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/hub"
)

func TestParseRepo(t *testing.T) {
	for text, want := range map[string]hub.Repo{
		"mistralai/Mistral-7B-v0.1":    {ID: "mistralai/Mistral-7B-v0.1", Revision: "main"},
		"gpt2":                         {ID: "gpt2", Revision: "main"},
		"a/b@v1.0":                     {ID: "a/b", Revision: "v1.0"},
		"a/b@refs/pr/3":                {ID: "a/b", Revision: "refs/pr/3"},
		"_a_/9.b-c@feature/x@y":        {ID: "_a_/9.b-c", Revision: "feature/x@y"},
		"a/" + strings.Repeat("b", 96): {ID: "a/" + strings.Repeat("b", 96), Revision: "main"},
	} {
		got, err := hub.ParseRepo(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "/", "a/", "/a", "a/b/c", "./a", "../a", "a/..", ".a/b", "a/b.", "-a/b", "a--b/c", "a..b", "a/b.git", "a b/c", "ä/b",
		`a\b`, `C:\x`, "c:x", "a/b\n", "a/nul", "CON/b", "a/com1.x", "a/b@", "a/b@..", "a/b@/x", "a/b@x/", "a/b@x//y", "a/b@-x", "a/b@a..b",
		"a/b@x y", "a/b@x^1", "a/b@x~1", "a/b@x:y", "a/b@x.lock", "a/b@x?", "a/b@x*", "a/b@[x", `a/b@x\y`, "a/b@@{0}", "a/b@aux",
		"a/b@x\x00", "a/b@\xff", "a/" + strings.Repeat("b", 97), "a/b@" + strings.Repeat("b", 256), "https://huggingface.co/a/b",
	} {
		if got, err := hub.ParseRepo(text); !errors.Is(err, hub.ErrRepo) || got != (hub.Repo{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzParseRepo(f *testing.F) {
	for _, s := range []string{"a/b", "gpt2@main", "a/b@refs/pr/1", "../x", "a/b@..", "con/x", "a@\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		repo, err := hub.ParseRepo(text)
		if err != nil {
			if !errors.Is(err, hub.ErrRepo) || strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := hub.ParseRepo(repo.String())
		if err != nil || again != repo {
			t.Fatalf("%q: %+v, then %+v, %v", text, repo, again, err)
		}
		for _, bad := range []string{"..", "\\", ":", "//", "--", "\x00"} {
			if strings.Contains(repo.ID, bad) || bad != "--" && strings.Contains(repo.Revision, bad) {
				t.Fatalf("%q was accepted", text)
			}
		}
	})
}
