//go:build !linux

package procmem

func cgroupLimit() (int64, bool) { return 0, false }
