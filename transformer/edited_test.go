package transformer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
)

// TestEdited compares configurations edited by hand with what transformers makes of them:
// see testdata/edited.py.
func TestEdited(t *testing.T) {
	var cases map[string]struct {
		Fixture, Config string
		Logits          []float32
	}
	readJSON(t, "testdata/edited.json", &cases)
	if len(cases) < 28 {
		t.Errorf("only %d cases", len(cases))
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := openFixture(t, c.Fixture)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(c.Config), 0o600); err != nil {
				t.Fatal(err)
			}
			copyFile(t, filepath.Join(fixtures, f.Weights, "model.safetensors"), filepath.Join(dir, "model.safetensors"))
			got := allLogits(t, openModel(t, dir, Options{Context: len(f.Tokens)}), f.Tokens, len(f.Tokens))
			if worst := largestError(t, got[len(got)-len(c.Logits):], c.Logits); !(worst <= 2e-4) {
				t.Errorf("logits differ by %.2g of the largest", worst)
			}
		})
	}
}

// TestUnknownArchitecture: one is refused before any weights are looked for.
func TestUnknownArchitecture(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"model_type": "gpt2"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(fixtures, "llama", "model.safetensors"), filepath.Join(dir, "model.safetensors"))
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, arch.ErrArchitecture) {
		t.Errorf("Open: %v", err)
	}
}
