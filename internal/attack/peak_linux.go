package main

import (
	"os"
	"syscall"
)

// peak returns the most memory that a process had, in bytes. What this process had when
// it started the other counts too: it stays small.
func peak(s *os.ProcessState) int64 {
	if usage, ok := s.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss << 10
	}
	return 0
}
