// Package procmem tells how much physical memory this process uses.
//
// The figures are the system's own resident set size, in bytes; ok is false where
// the system does not tell:
//
//	           CurrentRSS           PeakRSS             ResetPeak
//	Linux      VmRSS                VmHWM               yes
//	macOS      –                    ru_maxrss           –
//	Windows    WorkingSetSize       PeakWorkingSetSize  –
//
// All functions are safe for concurrent use.
package procmem

import "errors"

// ErrUnsupported reports that the system cannot do it.
var ErrUnsupported = errors.New("not supported on this system")

// PeakRSS returns the highest resident set size since the process started, or
// since ResetPeak.
func PeakRSS() (bytes int64, ok bool) { return peakRSS() }

// CurrentRSS returns the resident set size.
func CurrentRSS() (bytes int64, ok bool) { return currentRSS() }

// MappedRSS returns the part of the resident set that is mapped from files: the program
// itself (Linux).
func MappedRSS() (bytes int64, ok bool) { return mappedRSS() }

// ResetPeak sets the peak to the current value, so that one piece of work can be
// measured. It returns ErrUnsupported on all systems but Linux; there too a
// sandbox may forbid it.
func ResetPeak() error { return resetPeak() }

// CgroupLimit returns how much memory this process's control group, or one that it
// lies in, allows (Linux: cgroup v2 memory.max and memory.high, v1 memory.limit_in_bytes); not ok
// where there is no limit.
func CgroupLimit() (bytes int64, ok bool) { return cgroupLimit() }
