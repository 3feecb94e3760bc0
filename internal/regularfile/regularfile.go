// Package regularfile opens files that hold bytes: not directories, whose reads
// fail with a riddle, nor pipes and devices, which have no size and whose opening
// may wait for ever.
package regularfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrNotRegular reports a path that names something else than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// Open opens a file for reading and returns its size. Symbolic links are
// followed. What is not a regular file is ErrNotRegular, at once.
func Open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path) // before opening: a pipe would block
	if err != nil {
		return nil, 0, err
	}
	if err := check(path, info); err != nil {
		return nil, 0, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	if info, err = file.Stat(); err == nil { // it may be another by now
		err = check(path, info)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
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
