package overwrite

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
	"github.com/helix-substrate/helix-substrate/internal/hub"
)

// maxFiles bounds how many of a directory's files are looked at: models have fewer, and
// what lies in the directory is refused by that all the same.
const maxFiles = 1 << 17

// file is a file that is there.
type file struct {
	path string
	info os.FileInfo
}

// manifest is the file that makes a directory a model's (package model).
const manifest = "manifest.json"

// dirsOf returns the directories that are read as a whole with an input: itself, or the
// hub's cache if it is no path here but a repository's name. A file that lies in a model
// directory goes with all of that, which more files, or others, would spoil.
func dirsOf(in Input) []place {
	if in.Kind != Model {
		dir := filepath.Dir(in.Path)
		if info, err := os.Stat(filepath.Join(dir, manifest)); err != nil || !info.Mode().IsRegular() {
			return nil
		}
		return []place{locate(dir)}
	}
	info, err := os.Stat(in.Path)
	if err == nil {
		if info.IsDir() {
			return []place{locate(in.Path)}
		}
		return nil
	}
	if _, err := hub.ParseRepo(in.Path); err != nil {
		return nil
	}
	client, err := hub.FromEnvironment()
	if err != nil {
		return nil
	}
	return []place{locate(client.Cache)}
}

// filesOf returns the files that are read with an input.
func filesOf(in Input) []file {
	if in.Kind != Model {
		return nil
	}
	info, err := os.Stat(in.Path)
	switch {
	case err != nil:
		return nil
	case info.IsDir():
		return tree(in.Path)
	case strings.HasSuffix(in.Path, ".index.json"): // its shards, and what else is beside it
		return tree(filepath.Dir(in.Path))
	}
	var parts []file
	for _, name := range gguf.PartNames(in.Path) {
		if info, err := os.Stat(name); err == nil {
			parts = append(parts, file{name, info})
		}
	}
	return parts
}

// tree returns the files below a directory. Links to files are followed: a snapshot in
// the hub's cache consists of them.
func tree(dir string) []file {
	var files []file
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // what cannot be listed cannot be read either
		}
		if len(files) == maxFiles {
			return fs.SkipAll
		}
		if info, err := os.Stat(path); err == nil {
			files = append(files, file{path, info})
		}
		return nil
	})
	return files
}
