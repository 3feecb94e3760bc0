package offheap

import "golang.org/x/sys/unix"

// leastWhole is how many bytes may be worth large pages, of 2 MiB mostly, at whose multiples systems place such buffers.
const leastWhole = 2 << 20

func whole(b []byte) {
	if len(b) >= leastWhole {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a system without them has small ones
	}
}
