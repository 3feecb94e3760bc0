package generate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/demo"
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

func TestFingerprint(t *testing.T) {
	dir := convertDemo(t)
	checkpoint := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(checkpoint); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "sums")
	sums := ""
	for _, name := range []string{"config.json", "model.safetensors"} {
		sums += fmt.Sprintf("%s  %s\n", hashOf(t, filepath.Join(checkpoint, name)), name)
	}
	if err := os.WriteFile(list, []byte(sums), 0o666); err != nil {
		t.Fatal(err)
	}
	// Whatever a GGUF file holds, it is its own fingerprint.
	for _, c := range []struct{ path, model, tokenizer string }{
		{dir, filepath.Join(dir, "manifest.json"), filepath.Join(dir, "tokenizer.json")},
		{checkpoint, list, filepath.Join(checkpoint, "tokenizer.json")},
		{list, list, list},
	} {
		m, tok, err := Fingerprint(t.Context(), c.path)
		if err != nil || m != hashOf(t, c.model) || tok != hashOf(t, c.tokenizer) {
			t.Errorf("%s: %s, %s, %v", c.path, m, tok, err)
		}
	}
	if _, _, err := Fingerprint(t.Context(), filepath.Join(dir, "absent")); err == nil {
		t.Error("no model, no error")
	}
}
