package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/storage"
)

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
	if f, err := storage.OpenFile(filepath.Join(path, "refs", "main")); err == nil {
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
