package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// Place is where a checkpoint's files lie side by side: a directory on disk, or a
// repository on the hub.
type Place interface {
	// Names lists the files, sorted.
	Names() ([]string, error)
	// Open opens one of them; a missing one is fs.ErrNotExist.
	Open(name string) (File, error)
	// Path is what the file is called in messages.
	Path(name string) string
}

// File is an open file, safe for concurrent reading.
type File interface {
	io.ReaderAt
	io.Closer
	// Size is the file's length in bytes.
	Size() int64
	// Stamp tells this content of the file from another, without reading it: its
	// size and time, or the hub's hash.
	Stamp() string
}

// Dir is a directory on disk.
type Dir string

// Names lists the files of the directory, sorted.
func (d Dir) Names() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Path returns the path of a file.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Open opens a regular file.
func (d Dir) Open(name string) (File, error) { return OpenFile(d.Path(name)) }

// OpenFile opens a regular file on disk.
func OpenFile(path string) (File, error) {
	f, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &diskFile{f, size, fmt.Sprintf("%d bytes, %d", size, info.ModTime().UnixNano())}, nil
}

// diskFile is a file on disk.
type diskFile struct {
	*os.File
	size  int64
	stamp string
}

func (f *diskFile) Size() int64   { return f.size }
func (f *diskFile) Stamp() string { return f.stamp }
