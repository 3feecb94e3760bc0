//go:build linux || darwin

package freespace

import "golang.org/x/sys/unix"

// At returns the bytes that an ordinary user can still write below path, an
// existing directory.
func At(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
