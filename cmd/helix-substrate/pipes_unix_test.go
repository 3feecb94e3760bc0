//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/helix-substrate/helix-substrate/internal/demo"
)

// TestPipes puts a named pipe into the place of each file of a checkpoint and of the model
// directory made of it: no verb waits for it.
func TestPipes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for a minute")
	}
	work := t.TempDir()
	t.Chdir(work)
	if err := demo.Extract("hf"); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"convert", "hf", "-o", "model", "-q"}, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}); code != exitOK {
		t.Fatal("exit code", code)
	}
	for _, dir := range []string{"hf", "model"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		matrices := 0
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".hxz") || strings.HasSuffix(e.Name(), ".npy") {
				if matrices++; matrices > 2 {
					continue
				}
			}
			path := filepath.Join(dir, e.Name())
			if err := os.Rename(path, "aside"); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Skip("no named pipes here:", err)
			}
			for _, args := range [][]string{
				{"run", dir, "Once", "-n", "1"}, {"plan", dir}, {"inspect", dir}, {"verify", dir}, {"se", dir, "--estimator", "lanczos"}, {"export", dir, "-o", "out.safetensors"},
				{"export", dir, "-o", "out.gguf"}, {"diff", dir, dir}, {"convert", dir, "-o", "converted"}, {"eval", "ppl", dir, "--text", path},
			} {
				done := make(chan int, 1)
				go func() { done <- run(args, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}) }()
				select {
				case <-done:
				case <-time.After(20 * time.Second):
					t.Fatalf("%s waits for the pipe %s", strings.Join(args, " "), path)
				}
				for _, made := range []string{"out.safetensors", "out.gguf", "converted"} {
					os.RemoveAll(made)
				}
			}
			os.Remove(path)
			if err := os.Rename("aside", path); err != nil {
				t.Fatal(err)
			}
		}
	}
}
