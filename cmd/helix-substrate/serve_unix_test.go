//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
)

// TestServe serves the demo within a limit and asks it; SIGTERM ends it with exit code 0, as services expect.
func TestServe(t *testing.T) {
	binary, err := exec.LookPath("helix-substrate")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := demo.Extract(filepath.Join(dir, "demo")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys"), []byte("\none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "demo", "--listen", "127.0.0.1:0", "--alias", "story", "--memory", "200MiB", "--api-keys", "keys")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, after, ok := strings.Cut(line, "http://")
	address, _, _ := strings.Cut(after, ": ")
	if err != nil || !ok || !strings.HasPrefix(line, "story on ") {
		t.Fatalf("%q, %v\n%s", line, err, &stderr)
	}
	q, err := http.NewRequest("POST", "http://"+address+"/v1/completions", strings.NewReader(`{"model": "story", "prompt": "Once upon a time", "temperature": 0, "max_tokens": 8}`))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer one")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if want := `"text":", there was a little girl named Lily"`; !strings.Contains(string(body), want) {
		t.Errorf("%s", body)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), "path=/v1/completions status=200") || strings.Contains(stderr.String(), "exceeded") {
		t.Errorf("%v\n%s", err, &stderr)
	}
}

// TestServeRefuses: what cannot be served is told before a model is read.
func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty"), []byte("\n \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--parallel", "0"}, exitUsage, "--parallel 0 is not in 1..1024"},
		{[]string{"--parallel", "-1"}, exitUsage, "--parallel -1 is not in 1..1024"},
		{[]string{"--waiting=-1"}, exitUsage, "--waiting must not be negative"},
		{[]string{"--api-keys", filepath.Join(dir, "empty")}, exitFailure, "there is no key in it"},
		{[]string{"--api-keys", dir}, exitFailure, "is a directory"},
		{[]string{"--listen", taken.Addr().String()}, exitFailure, "address already in use"},
		{[]string{"--listen", "127.0.0.1:0"}, exitFailure, "absent"},
		{[]string{"--listen", "nowhere"}, exitUsage, "--listen nowhere is no address"},
		{[]string{"--cors", "site.example"}, exitUsage, "--cors: "},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"serve", filepath.Join(dir, "absent")}, c.args...)
		if code := run(args, strings.NewReader(""), &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%v: exit code %d\n%s", c.args, code, &stderr)
		}
	}
}
