package generate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/demo"
	"github.com/helix-substrate/helix-substrate/model"
)

func hashOf(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// line is what the root of a model is made of.
func line(t *testing.T, file string) string {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s  %d  %s\n", hashOf(t, file), info.Size(), filepath.Base(file))
}

func TestFingerprint(t *testing.T) {
	dir := convertDemo(t)
	checkpoint := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(checkpoint); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "sums")
	sums := ""
	for _, name := range []string{"config.json", "model.safetensors"} {
		sums += line(t, filepath.Join(checkpoint, name))
	}
	if err := os.WriteFile(list, []byte(sums), 0o666); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(list), "file")
	if err := os.WriteFile(file, []byte(line(t, filepath.Join(checkpoint, "config.json"))), 0o666); err != nil {
		t.Fatal(err)
	}
	converted, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Whatever a GGUF file holds, its hash says what it is.
	for _, c := range []struct{ path, model, tokenizer string }{
		{dir, converted.Manifest.RootSHA256, filepath.Join(dir, "tokenizer.json")},
		{checkpoint, hashOf(t, list), filepath.Join(checkpoint, "tokenizer.json")},
		{filepath.Join(checkpoint, "config.json"), hashOf(t, file), filepath.Join(checkpoint, "config.json")},
	} {
		m, tok, err := Fingerprint(t.Context(), c.path)
		if err != nil || m != c.model || tok != hashOf(t, c.tokenizer) {
			t.Errorf("%s: %s, %s, %v", c.path, m, tok, err)
		}
	}
	if _, _, err := Fingerprint(t.Context(), filepath.Join(dir, "absent")); err == nil {
		t.Error("no model, no error")
	}
}
