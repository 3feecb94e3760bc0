package model

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/storage"
)

// directory is a model directory on disk as a storage.Place. Its files may lie in it and, if
// it is a snapshot in a cache of the Hugging Face hub, anywhere in that repository's cache,
// whose snapshots are links to blobs (models--OWNER--NAME/snapshots/COMMIT/FILE to
// ../../blobs/HASH).
type directory struct {
	storage.Dir        // as it was named
	bounds      string // absolute, without links
}

func newDirectory(dir string) (directory, error) {
	real, err := realPath(dir)
	if os.IsNotExist(err) {
		return directory{storage.Dir(dir), dir}, nil // there is nothing in it
	} else if err != nil {
		return directory{}, err
	}
	if snapshots := filepath.Dir(real); filepath.Base(snapshots) == "snapshots" {
		if repository := filepath.Dir(snapshots); strings.HasPrefix(filepath.Base(repository), "models--") {
			return directory{storage.Dir(dir), repository}, nil
		}
	}
	return directory{storage.Dir(dir), real}, nil
}

func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// Open opens a file of the directory. Where links lead outside it is ErrOutside.
func (d directory) Open(_ context.Context, file string) (storage.File, error) {
	path, err := d.resolve(file)
	if err != nil {
		return nil, err
	}
	return storage.OpenFile(path)
}

// resolve returns the path by which a file of the directory is opened. Where links lead
// outside it is ErrOutside.
func (d directory) resolve(file string) (string, error) {
	path := d.Path(file)
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
	if inside, err := filepath.Rel(d.bounds, real); err != nil || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("%s: leads to %s: %w", path, real, ErrOutside)
	}
	return real, nil
}
