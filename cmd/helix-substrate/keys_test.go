package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusedKey: a key that changes the model is named, with a remedy, dense and converted.
func TestRefusedKey(t *testing.T) {
	dir := t.TempDir()
	if code, output := invoke("demo", "-o", filepath.Join(dir, "demo")); code != 0 {
		t.Fatal(output)
	}
	source, converted := filepath.Join(dir, "demo", "checkpoint"), filepath.Join(dir, "converted")
	text, err := os.ReadFile(filepath.Join(source, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	text = append([]byte(`{"is_causal": false, "z_loss": NaN,`), text[1:]...)
	if err := os.WriteFile(filepath.Join(source, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, output := invoke("convert", source, "-o", converted, "-q"); code != 0 {
		t.Fatal(output)
	}
	for _, path := range []string{source, converted} {
		code, output := invoke("forward", path, "--ids", "1,2", "-o", filepath.Join(dir, "y.npy"))
		if code == 0 || !strings.Contains(output, "is_causal false is not supported (only true)") || !strings.Contains(output, "docs/MODELS.md") {
			t.Errorf("exit code %d: %s", code, output)
		}
	}
}
