package uncached

import (
	"os"

	"golang.org/x/sys/unix"
)

// Advice is only that: a file system that does not take it reads as always.

// adviseSequential asks for generous read-ahead.
func adviseSequential(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
}

// adviseNeed asks for reading to begin.
func adviseNeed(f *os.File, off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_WILLNEED)
}

func drop(f *os.File, off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED)
}
