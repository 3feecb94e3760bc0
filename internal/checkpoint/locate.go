package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/model"
)

// Locate returns the path of the file or directory that says how the model at path is to be
// read: of a repository in the hub's cache its snapshot, of a directory whose weights are one
// GGUF model that file; several are ErrUnknown. Any other path is returned as it is, one that is not there too.
func Locate(path string) (string, error) {
	path, err := snapshot(path)
	if err != nil {
		return "", err
	}
	names, err := Dir(path).Names()
	if err != nil || slices.Contains(names, model.ManifestName) { // the model directory's own GGUF file has no tensors
		return path, nil
	}
	switch file, err := choose(names, ""); {
	case err == nil && strings.HasSuffix(file, ".gguf"):
		return filepath.Join(path, file), nil
	case errors.Is(err, ErrUnknown) && len(ggufModels(names)) > 1:
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return path, nil
}

// snapshot returns, of a repository in the hub's cache, the directory with the files of main,
// or else of the only version there is; any other path as it is.
func snapshot(path string) (string, error) {
	all := filepath.Join(path, "snapshots")
	if !strings.HasPrefix(filepath.Base(filepath.Clean(path)), "models--") {
		return path, nil
	}
	entries, err := os.ReadDir(all)
	if err != nil {
		return path, nil // it is only called so
	}
	var commits []string
	for _, e := range entries {
		commits = append(commits, e.Name())
	}
	const longest = 256
	if f, err := OpenFile(filepath.Join(path, "refs", "main")); err == nil {
		defer f.Close()
		text := make([]byte, min(f.Size(), longest))
		n, _ := f.ReadAt(text, 0)
		if commit := strings.TrimSpace(string(text[:n])); slices.Contains(commits, commit) {
			return filepath.Join(all, commit), nil
		}
	}
	if len(commits) == 1 {
		return filepath.Join(all, commits[0]), nil
	}
	return "", fmt.Errorf("%s: refs/main names none of the %d snapshots in it: %w", path, len(commits), ErrUnknown)
}
