// Package uncached reads big files without leaving them in the page cache, so
// that a memory limit means what it says: what was read is dropped again, and
// the system may use that memory for something else.
//
// Where the system has no such advice, reads are ordinary ones.
package uncached

import "os"

// File reads an open file. It is safe for concurrent use.
type File struct{ file *os.File }

// New returns a reader of an open file, which stays the caller's.
func New(f *os.File) File {
	adviseSequential(f)
	return File{f}
}

// Ahead tells the system of n bytes from off on that ReadAt will read soon, so that it reads them meanwhile. It does not
// wait for them.
func (f File) Ahead(off, n int64) { adviseNeed(f.file, off, n) }

// Disk returns the open file.
func (f File) Disk() *os.File { return f.file }

// ReadAt reads as an io.ReaderAt does and drops whole pages read from the cache.
func (f File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(p, off)
	drop(f.file, off, int64(n))
	return n, err
}
