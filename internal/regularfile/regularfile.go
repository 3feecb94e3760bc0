// Package regularfile opens files that hold bytes: not directories, whose reads
// fail with a riddle, nor pipes and devices, which have no size and whose opening
// may wait for ever.
package regularfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/helix-substrate/helix-substrate/memory"
)

var (
	// ErrNotRegular reports a path that names something else than a regular file.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge reports a file that is larger than its kind can be.
	ErrTooLarge = errors.New("the file is too large")
)

// ErrLFSPointer reports a file that holds what Git keeps in place of a large one.
var ErrLFSPointer = errors.New("a Git LFS pointer, not the file itself")

// lfsPointer begins a pointer file (Git LFS specification, version 1), which is shorter
// than 1024 bytes.
const lfsPointer = "version https://git-lfs.github.com/spec/v1"

// CheckLFS refuses what begins as a Git LFS pointer, of a file of size bytes.
func CheckLFS(r io.ReaderAt, size int64, name string) error {
	if size < int64(len(lfsPointer)) || size >= 1024 {
		return nil
	}
	begin := make([]byte, len(lfsPointer))
	if n, _ := r.ReadAt(begin, 0); string(begin[:n]) == lfsPointer {
		return fmt.Errorf("%s: %w", name, ErrLFSPointer)
	}
	return nil
}

// Open opens a file for reading and returns its size. Symbolic links are
// followed. What is not a regular file is ErrNotRegular, at once; a Git LFS pointer
// ErrLFSPointer.
func Open(path string) (*os.File, int64, error) {
	if err := Check(path); err != nil { // before opening: a pipe would block
		return nil, 0, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil { // it may be another by now
		err = check(path, info)
	}
	if err == nil {
		err = CheckLFS(file, info.Size(), path)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// ReadAll reads a whole file of at most limit bytes; a larger one is ErrTooLarge,
// before anything is read, and so is memory.ErrLimit where the process has no room for it.
func ReadAll(path string, limit int64) ([]byte, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := readable(path, size, limit); err != nil {
		return nil, err
	}
	// Files of /proc and /sys say that they are empty; one that grows is not read on.
	text := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err = text.ReadFrom(io.LimitReader(f, max(size, min(limit, bytes.MinRead))))
	return text.Bytes(), err
}

// Content reads all size bytes of an open file, which is called name in messages; more than
// limit are ErrTooLarge, and more than the process has room for memory.ErrLimit, before
// anything is read.
func Content(f io.ReaderAt, size, limit int64, name string) ([]byte, error) {
	if err := readable(name, size, limit); err != nil {
		return nil, err
	}
	text := make([]byte, size)
	if n, err := f.ReadAt(text, 0); n < len(text) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// readable tells whether a file may be read whole, by its size and the process's memory.
func readable(name string, size, limit int64) error {
	if size > limit {
		return fmt.Errorf("%s: %d bytes, at most %d are read: %w", name, size, limit, ErrTooLarge)
	}
	return memory.FitsFile(name, size)
}

// Check tells, without opening it, whether path names a regular file, links followed:
// what is something else is ErrNotRegular.
func Check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return check(path, info)
}

// SHA256 reads a regular file and returns its hash, in hex, and its size. It stops with
// ctx's error when ctx is done.
func SHA256(ctx context.Context, path string) (string, int64, error) {
	f, _, err := Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<18)
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return "", n, err
		}
		k, err := f.Read(buf)
		h.Write(buf[:k])
		n += int64(k)
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), n, nil
		} else if err != nil {
			return "", n, err
		}
	}
}

func check(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s: %w: it is a %s", path, ErrNotRegular, Noun(info.Mode()))
}

// Noun names what a mode that is not regular belongs to: "directory", "named
// pipe", ...
func Noun(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
