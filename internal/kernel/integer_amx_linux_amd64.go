//go:build !noasm

package kernel

import (
	"sync"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
)

// amxAllowed says whether tile registers may be used: Linux asks that a process request them, which it does once.
var amxAllowed = sync.OnceValue(func() bool {
	const (
		requestState = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData     = 18     // XFEATURE_XTILE_DATA
	)
	if !cpu.X86.HasAMXTile || !cpu.X86.HasAMXInt8 {
		return false
	}
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, requestState, tileData, 0)
	return errno == 0
})
