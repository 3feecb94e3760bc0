// Package filelock keeps two processes from working on the same thing. A lock is
// an open file that the system locks: it ends with the process, however that dies.
//
//	l, err := filelock.Try(".model.lock")
//	if err != nil {
//		return err // ErrLocked: another process has it
//	}
//	defer l.Release()
package filelock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

var (
	// ErrLocked reports a lock that another process, or this one, holds.
	ErrLocked = errors.New("locked by another process")
	// ErrForeign reports a file of the lock's name that is no lock's: it stays as it is.
	ErrForeign = errors.New("a file of that name is there that is no lock")
)

// content is what a lock's file holds, so that nobody else's is taken for one.
const content = "a lock of helix-substrate; it may be removed while no conversion runs\n"

// Lock is a lock that is held.
type Lock struct {
	file *os.File
	ours bool // Release may remove the file
}

// Try takes the lock of the file at path, which it creates, or fails at once: with
// ErrLocked, or with ErrForeign where path is there and no lock's file. One that is
// empty, as locks were once, is taken but never removed.
func Try(path string) (*Lock, error) {
	for {
		file, created, err := open(path)
		if errors.Is(err, fs.ErrNotExist) && !created {
			if _, err := os.Stat(filepath.Dir(path)); err == nil {
				continue // it was removed just now
			}
		}
		if err != nil {
			return nil, err
		}
		if err := lock(file); err != nil {
			file.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		// The one before may have removed the file after it was opened here: then
		// a third would lock another file of this name.
		if held, err := file.Stat(); err == nil {
			if now, err := os.Lstat(path); err == nil && os.SameFile(held, now) {
				return claim(file, path, created)
			}
		}
		file.Close()
	}
}

// open opens the lock's file, or creates it.
func open(path string) (file *os.File, created bool, err error) {
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if !errors.Is(err, fs.ErrExist) {
		return file, err == nil, err
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // a link leads elsewhere, a pipe would block
		return nil, false, fmt.Errorf("%s: it is a %s: %w", path, regularfile.Noun(info.Mode()), ErrForeign)
	}
	file, err = os.OpenFile(path, os.O_RDWR, 0)
	return file, false, err
}

// claim makes sure that a file that is locked is a lock's.
func claim(file *os.File, path string, created bool) (*Lock, error) {
	if created {
		if _, err := file.WriteString(content); err != nil {
			return nil, errors.Join(err, remove(file), file.Close())
		}
		return &Lock{file, true}, nil
	}
	text, err := io.ReadAll(io.LimitReader(file, int64(len(content))+1))
	if err == nil && len(text) > 0 && string(text) != content {
		err = fmt.Errorf("%s: %w", path, ErrForeign)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Lock{file, len(text) > 0}, nil
}

// Release removes the file, if a lock made it, and gives the lock back.
func (l *Lock) Release() error {
	var err error
	if l.ours {
		err = remove(l.file)
	}
	return errors.Join(err, l.file.Close())
}
