package attest

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// inside returns the name of a file relative to dir, with slashes, if it lies in it.
func inside(dir, file string) (string, bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	if file, err = filepath.Abs(file); err != nil {
		return "", false
	}
	name, err := filepath.Rel(dir, file)
	return filepath.ToSlash(name), err == nil && filepath.IsLocal(name)
}

// hashTree hashes the files below dir, in the order of their paths' components, but
// those below the paths to ignore. Links and devices are ErrModel: what they hold can
// change unseen.
func hashTree(ctx context.Context, dir string, ignore []string) ([]resource, error) {
	files := []resource{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if slices.Contains(ignore, relative) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return context.Cause(ctx)
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s: %w: it is no regular file", name, ErrModel)
		}
		sum, _, err := regularfile.SHA256(ctx, name)
		files = append(files, resource{path.Clean(relative), "sha256", sum})
		return err
	})
	slices.SortFunc(files, byPath)
	return files, err
}

// byPath orders files by their paths' components.
func byPath(a, b resource) int {
	return slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/"))
}
