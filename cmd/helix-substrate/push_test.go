package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// TestPushRunPull: a model in a registry says there what it says here, and comes back.
func TestPushRunPull(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer s.Close()
	dir := t.TempDir()
	ok := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(args, strings.NewReader(""), &stdout, &stderr); code != 0 {
			t.Fatalf("%q: %s", args, stderr.String())
		}
		return stdout.String()
	}
	ok("demo", "-o", filepath.Join(dir, "demo"))
	here, copied, part := filepath.Join(dir, "model"), filepath.Join(dir, "copy"), filepath.Join(dir, "part")
	ok("convert", filepath.Join(dir, "demo", "checkpoint"), "-o", here, "--method", "entropy", "-q")
	at := "oci://" + strings.TrimPrefix(s.URL, "http://") + "/tiny:v1"
	var pushed struct {
		Address string
		Root    string `json:"root_sha256"`
	}
	if err := json.Unmarshal([]byte(ok("push", here, at, "-q", "--json")), &pushed); err != nil {
		t.Fatal(err)
	}
	if output := ok("push", here, at); !strings.Contains(output, "0 of ") || !strings.Contains(output, pushed.Root) {
		t.Error(output)
	}
	for _, address := range []string{at, pushed.Address} {
		ok("verify", address, "--root", pushed.Root)
		ok("inspect", address)
		ok("plan", address)
		args := []string{"run", here, "Once upon a time", "-n", "8"}
		want := ok(args...)
		args[1] = address
		if got := ok(args...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if output := ok("pull", at, part, "--tensors", "embed"); !strings.Contains(output, "not the whole model") {
		t.Error(output)
	}
	if code, output := invoke("run", part, "Once"); code != 1 || !strings.Contains(output, "missing file") {
		t.Errorf("%d: %s", code, output)
	}
	ok("pull", at, part)
	ok("pull", at, copied, "--root", pushed.Root)
	ok("verify", part)
	ok("verify", copied)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"remove it first", []string{"pull", at, copied}},
		{"ask whoever made it", []string{"pull", at, filepath.Join(dir, "other"), "--root", strings.Repeat("0", 64)}},
		{"lists a model's tensors", []string{"pull", at, filepath.Join(dir, "other"), "--tensors", "nothing"}},
		{"check the path", []string{"pull", at + "x", filepath.Join(dir, "other")}},
		{"write oci://", []string{"push", here, "elsewhere"}},
	} {
		if code, output := invoke(c.args...); code != 1 || !strings.Contains(output, c.says) || strings.Count(output, "\n") != 1 {
			t.Errorf("%q: %d: %s", c.args, code, output)
		}
	}
}
