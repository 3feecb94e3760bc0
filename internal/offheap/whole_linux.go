package offheap

import "golang.org/x/sys/unix"

// whole asks for large pages whatever b's size is: neighbours that all asked become one mapping, and a page may lie across
// their borders.
func whole(b []byte) {
	if len(b) > 0 {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a system without them has small ones
	}
}
