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
	"os"
)

// ErrLocked reports a lock that another process, or this one, holds.
var ErrLocked = errors.New("locked by another process")

// Lock is a lock that is held.
type Lock struct{ file *os.File }

// Try takes the lock of the file at path, which it creates, or fails with
// ErrLocked at once.
func Try(path string) (*Lock, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
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
			if now, err := os.Stat(path); err == nil && os.SameFile(held, now) {
				return &Lock{file}, nil
			}
		}
		file.Close()
	}
}

// Release removes the file and gives the lock back.
func (l *Lock) Release() error {
	return errors.Join(remove(l.file), l.file.Close())
}
