// Package uncached reads big files without leaving them in the page cache, so
// that a memory limit means what it says: what was read is dropped again, and
// the system may use that memory for something else.
//
// Where the system has no such advice, reads are ordinary ones.
package uncached

import (
	"os"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// File is an open file. It is safe for concurrent use.
type File struct {
	file *os.File
	size int64
}

// Open opens a file; what is not a regular one is regularfile.ErrNotRegular.
func Open(path string) (*File, error) {
	f, size, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	adviseSequential(f)
	return &File{f, size}, nil
}

// Size returns the file's length when it was opened.
func (f *File) Size() int64 { return f.size }

// ReadAt reads as an io.ReaderAt does and drops whole pages read from the cache.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(p, off)
	drop(f.file, off, int64(n))
	return n, err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
