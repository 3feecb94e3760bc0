package main

import (
	"runtime/debug"

	"github.com/helix-substrate/helix-substrate/internal/procmem"
)

// lean makes the process small for verbs whose memory counts: it gives back what
// starting up and parsing the command line took, and has the collector run often,
// which costs nothing, as what is large lies outside the Go heap.
func lean() {
	debug.SetGCPercent(25)
	debug.FreeOSMemory()
	_ = procmem.TrimProgram() // at worst the process is a few MiB larger
}
