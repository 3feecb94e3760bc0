package transformer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/demo"
)

// TestConfigErrorNamesModelOnce: a configuration that is refused is said to be the model's, once.
func TestConfigErrorNamesModelOnce(t *testing.T) {
	dir := t.TempDir()
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), `"num_hidden_layers": `, `"num_hidden_layers": -`, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir, Options{})
	if !errors.Is(err, arch.ErrConfig) || strings.Count(err.Error(), dir) != 1 || !strings.Contains(err.Error(), "config.json: ") {
		t.Errorf("%v", err)
	}
}
