// Package atomicfile writes files that are either whole or absent.
//
// Create opens a new file beside NAME, called .NAME.<random>.partial; Commit
// flushes it to the disk and renames it to NAME; Abort removes it. A full disk or
// an error at any moment before the rename leaves NAME as it was and nothing
// beside it; a crash leaves the partial file. A file under its final name is
// always complete:
//
//	f, err := atomicfile.Create("weights.cdna2.hxz")
//	if err != nil {
//		return err
//	}
//	defer f.Abort() // does nothing after Commit
//	... f.Write, f.WriteAt ...
//	return f.Commit()
//
// No other file is touched, and any number of writers may have the same target at
// once, also in other processes: the last to commit wins, and each of their files
// is whole.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

var (
	// ErrTarget reports a target that exists and is not a regular file, such as a
	// directory, a device or a symbolic link: renaming would replace the thing
	// itself, not what it stands for.
	ErrTarget = errors.New("target is not a regular file")
	// ErrClosed reports use after Commit or Abort.
	ErrClosed = errors.New("file already committed or aborted")
)

// File is a file being written under its partial name. WriteAt and ReadAt may be
// called concurrently; every other method belongs to one goroutine.
type File struct {
	file   *os.File
	path   string
	closed bool
	failed atomic.Pointer[error] // some failed write, which forbids Commit
}

// Create opens a new file that Commit will call path. ErrTarget if path cannot be
// replaced.
func Create(path string) (*File, error) {
	switch info, err := os.Lstat(path); {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("create %s: %w: it is a %s", path, ErrTarget, regularfile.Noun(info.Mode()))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	file, err := createPartial(path)
	if err != nil {
		return nil, err
	}
	return &File{file: file, path: path}, nil
}

// createPartial opens a file of a name that nothing has yet: os.CreateTemp with
// the permissions of an ordinary file.
func createPartial(path string) (*os.File, error) {
	const longest, attempts = 200, 1000 // file systems end names at 255 bytes
	dir, base := filepath.Dir(path), filepath.Base(path)
	if len(base) > longest {
		base = strings.ToValidUTF8(base[:longest], "")
	}
	for try := 1; ; try++ {
		partial := filepath.Join(dir, fmt.Sprintf(".%s.%08x.partial", base, rand.Uint32()))
		file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s: no directory %s: %w", path, dir, fs.ErrNotExist)
		case !errors.Is(err, fs.ErrExist) || try == attempts:
			return file, err
		}
	}
}

// Write creates path with what write puts into w, or leaves nothing behind.
func Write(path string, write func(w io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := write(f); err != nil {
		return err
	}
	return f.Commit()
}

// Path returns the final name.
func (f *File) Path() string { return f.path }

// Write appends p at the file's position. After a failed write Commit refuses.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	return n, f.note(err)
}

// WriteAt writes p at byte off. After a failed write Commit refuses.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.file.WriteAt(p, off)
	return n, f.note(err)
}

// ReadAt reads back what was written.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Seek sets the position of the next Write.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.file.Seek(offset, whence) }

func (f *File) note(err error) error {
	if err != nil {
		f.failed.CompareAndSwap(nil, &err)
	}
	return err
}

// Commit flushes the content to the disk and gives the file its final name. On
// an error the partial file is removed and the target stays as it was; the one
// exception is a failure to flush the directory after the rename, which is
// reported while the new file is in place.
func (f *File) Commit() error {
	if f.closed {
		return fmt.Errorf("commit %s: %w", f.path, ErrClosed)
	}
	defer f.Abort()
	if err := f.failed.Load(); err != nil {
		return fmt.Errorf("commit %s: an earlier write failed: %w", f.path, *err)
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	f.closed = true
	err := f.file.Close() // before the rename: Windows renames no open file
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.file.Name())
		return err
	}
	return SyncDir(filepath.Dir(f.path))
}

// Abort closes and removes the partial file. It does nothing after Commit or an
// earlier Abort.
func (f *File) Abort() {
	if f.closed {
		return
	}
	f.closed = true
	f.file.Close()
	os.Remove(f.file.Name())
}
