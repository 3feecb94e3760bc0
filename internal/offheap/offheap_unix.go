//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package offheap

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

func alloc(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// free relies on unix.Munmap's record of what was mapped.
func free(b []byte) error {
	err := unix.Munmap(b)
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("free %d bytes: %w", len(b), ErrNotAllocated)
	}
	return err
}
