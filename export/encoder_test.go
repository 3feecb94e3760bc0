package export

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
)

// TestEncoder: a model that makes vectors of texts is exported with its modules, each in its directory, from a checkpoint and from
// a model directory, with the bytes that they had; embedding/testdata/vectors.py opens such a directory.
func TestEncoder(t *testing.T) {
	const source = "../embedding/testdata/models/dense"
	for _, from := range []string{source, converted(t, source, convert.Options{Method: convert.Lossless})} {
		out := t.TempDir()
		r, err := File(t.Context(), from, filepath.Join(out, "model.safetensors"), Options{})
		must(t, err)
		var files []string
		must(t, fs.WalkDir(os.DirFS(source), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || slices.Contains([]string{"model.safetensors", "vectors.npy", "case.json"}, name) {
				return err
			}
			files = append(files, name)
			want, err := os.ReadFile(filepath.Join(source, name))
			must(t, err)
			got, err := os.ReadFile(filepath.Join(out, name))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s of %s: other bytes, %v", name, from, err)
			}
			if !slices.Contains(r.Files, name) {
				t.Errorf("%v does not name %s", r.Files, name)
			}
			return nil
		}))
		if !slices.Contains(files, "2_Dense/model.safetensors") {
			t.Errorf("%v: no dense layer was looked for", files)
		}
	}
}
