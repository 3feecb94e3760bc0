package checkpoint_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// TestIdentify: one answer to what is at a path, told by what it begins with.
func TestIdentify(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	write("model/manifest.json", "{}")
	write("source/model.safetensors", "")
	for path, want := range map[string]checkpoint.Kind{
		filepath.Join(dir, "model"):    checkpoint.Converted,
		filepath.Join(dir, "source"):   checkpoint.Source,
		write("v1", "HXZC...."):        checkpoint.Matrix,
		write("v2", "HXZ2...."):        checkpoint.Matrix,
		write("lossless", "HXZL...."):  checkpoint.Lossless,
		write("sidecar", "HXZO...."):   checkpoint.Outliers,
		write("a.gguf", "GGUF...."):    checkpoint.Source,
		write("empty", ""):             checkpoint.Source,
		"no-such-owner/no-such-name":   checkpoint.Repository,
		"https://huggingface.co/a/b":   checkpoint.Repository,
		"no-such-owner/name@v1:Q4_K_M": checkpoint.Repository,
	} {
		if got, err := checkpoint.Identify(path); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := checkpoint.Identify(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := checkpoint.Identify(os.DevNull); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("device: %v", err)
	}
}

// TestFind: the file of a directory that is the model, and what several are.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a-Q4_0.gguf"), nil, 0o644))
	at, err := checkpoint.Find(t.Context(), dir)
	if err != nil || at.File != "a-Q4_0.gguf" || at.Name != dir || at.Converted() {
		t.Errorf("%+v, %v", at, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "b-Q4_0.gguf"), nil, 0o644))
	if _, err := checkpoint.Find(t.Context(), dir); !errors.Is(err, checkpoint.ErrUnknown) {
		t.Errorf("two models: %v", err)
	}
	if at, err := checkpoint.Find(t.Context(), filepath.Join(dir, "b-Q4_0.gguf")); err != nil || at.File != "b-Q4_0.gguf" || at.Dir() != dir {
		t.Errorf("%+v, %v", at, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "manifest.json"), nil, 0o644))
	if at, err := checkpoint.Find(t.Context(), dir); err != nil || !at.Converted() || at.File != "" {
		t.Errorf("%+v, %v", at, err)
	}
}
