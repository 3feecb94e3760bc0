//go:build linux || darwin

package hub

import "golang.org/x/sys/unix"

// freeSpace returns how many bytes this user may still write below dir.
func freeSpace(dir string) (int64, bool) {
	var stat unix.Statfs_t
	if unix.Statfs(dir, &stat) != nil {
		return 0, false
	}
	return int64(min(stat.Bavail, 1<<62/uint64(stat.Bsize))) * int64(stat.Bsize), true
}
