//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package offheap

import (
	"os"
	"unsafe"
)

func alloc(n int) ([]byte, error) {
	page := os.Getpagesize()
	b := make([]byte, n+page-1)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (page - 1)
	return b[skip : skip+n : skip+n], nil
}

// free leaves the buffer to the garbage collector.
func free([]byte) error { return nil }
