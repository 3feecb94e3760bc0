package model

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// place is where a model directory's files may lie: in it and, if it is a snapshot in a
// cache of the Hugging Face hub, anywhere in that repository's cache, whose snapshots are
// links to blobs (models--OWNER--NAME/snapshots/COMMIT/FILE to ../../blobs/HASH).
type place struct {
	dir    string // as it was named
	bounds string // absolute, without links
}

func newPlace(dir string) (place, error) {
	real, err := realPath(dir)
	if os.IsNotExist(err) {
		return place{dir, dir}, nil // there is nothing in it
	} else if err != nil {
		return place{}, err
	}
	if snapshots := filepath.Dir(real); filepath.Base(snapshots) == "snapshots" {
		if repository := filepath.Dir(snapshots); strings.HasPrefix(filepath.Base(repository), "models--") {
			return place{dir, repository}, nil
		}
	}
	return place{dir, real}, nil
}

func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// resolve returns the path by which a file of the directory is opened. Where links lead
// outside it is ErrOutside.
func (p place) resolve(file string) (string, error) {
	path := filepath.Join(p.dir, filepath.FromSlash(file))
	if !strings.Contains(file, "/") {
		info, err := os.Lstat(path)
		if err != nil {
			return "", err
		}
		if info.Mode()&os.ModeSymlink == 0 {
			return path, nil
		}
	}
	real, err := realPath(path)
	if err != nil {
		return "", err
	}
	if inside, err := filepath.Rel(p.bounds, real); err != nil || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("%s: leads to %s: %w", path, real, ErrOutside)
	}
	return real, nil
}
