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

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/bench"
)

// TestPipes puts a named pipe into the place of each file of a checkpoint and of the model
// directory made of it: no verb waits for it.
func TestPipes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two hundred commands")
	}
	work := t.TempDir()
	t.Chdir(work)
	smallCheckpoint(t, "hf")
	if code := run([]string{"convert", "hf", "-o", "model", "--no-calibrate", "-q"}, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}); code != exitOK {
		t.Fatal("exit code", code)
	}
	try := func(args []string) int {
		done := make(chan int, 1)
		go func() { done <- run(args, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}) }()
		select {
		case code := <-done:
			for _, made := range []string{"out.safetensors", "out.gguf", "converted"} {
				os.RemoveAll(made)
			}
			return code
		case <-time.After(time.Minute):
			t.Fatalf("%s waits for a pipe", strings.Join(args, " "))
			return 0
		}
	}
	for _, dir := range []string{"hf", "model"} {
		commands := func(text string) [][]string {
			return [][]string{
				{"run", dir, "Once", "-n", "1"}, {"plan", dir}, {"inspect", dir}, {"verify", dir}, {"se", dir, "--estimator", "lanczos"}, {"export", dir, "-o", "out.safetensors"},
				{"export", dir, "-o", "out.gguf"}, {"diff", dir, dir}, {"convert", dir, "-o", "converted", "--no-calibrate"}, {"eval", "ppl", dir, "--text", text},
			}
		}
		for _, args := range commands(filepath.Join(dir, "tokenizer.json")) {
			if verb := args[0]; try(args) != exitOK && !(dir == "hf" && verb == "verify" || dir == "model" && verb == "convert") {
				t.Errorf("without a pipe %s fails", strings.Join(args, " "))
			}
		}
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
			for _, args := range commands(path) {
				try(args)
			}
			os.Remove(path)
			if err := os.Rename("aside", path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// smallCheckpoint makes a checkpoint that has the demo's files but is a hundredth of its size, for tests that run many
// commands on it.
func smallCheckpoint(t *testing.T, dir string) {
	t.Helper()
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(dir, "model.safetensors")
	for _, name := range []string{weights, filepath.Join(dir, "config.json")} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	made := filepath.Join(t.TempDir(), "made")
	if err := (bench.Llama{Layers: 1, Hidden: 32, FFN: 32, Heads: 2, KVHeads: 1, Vocab: 1024}).Make(t.Context(), made, 16, "zstd"); err != nil {
		t.Fatal(err)
	}
	if code, output := invoke("export", made, "-o", weights, "-q"); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, output)
	}
}
