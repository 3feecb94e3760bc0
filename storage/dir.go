package storage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/uncached"
)

// Dir is a directory on disk.
type Dir string

// Names lists the files of the directory, sorted.
func (d Dir) Names(context.Context) ([]string, error) {
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
func (d Dir) Path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

// Open opens a regular file.
func (d Dir) Open(_ context.Context, name string) (File, error) { return OpenFile(d.Path(name)) }

// OpenFile opens a regular file on disk: what is something else is ErrNotRegular, at once; a
// Git LFS pointer ErrLFSPointer.
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

// ReadAtContext does not begin to read when ctx is done; what has begun is not interrupted.
func (f *diskFile) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return f.ReadAt(p, off)
}

// Uncached implements what the function Uncached asks for.
func (f *diskFile) Uncached() io.ReaderAt { return uncached.New(f.File) }
