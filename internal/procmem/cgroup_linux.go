package procmem

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

func cgroupLimit() (int64, bool) { return readCgroupLimit(os.DirFS("/")) }

// readCgroupLimit takes the smallest of the limits of the groups that
// /proc/self/cgroup names, in lines such as "0::/user.slice" (v2) and
// "4:memory:/user.slice" (v1), and of those above them. A container may see its own
// group as the root: groups whose directories are not there have no say. Above
// memory.high (v2) a group is slowed down until it is of no use, so it counts too.
func readCgroupLimit(root fs.FS) (limit int64, ok bool) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		mount, files := "sys/fs/cgroup", []string{"memory.max", "memory.high"}
		if fields[0] != "0" {
			mount, files = "sys/fs/cgroup/memory", []string{"memory.limit_in_bytes"}
			if fields[1] != "memory" {
				continue
			}
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			for _, file := range files {
				if n, found := readLimit(root, path.Join(mount, group, file)); found && (!ok || n < limit) {
					limit, ok = n, true
				}
			}
			if group == "/" {
				break
			}
		}
	}
	return limit, ok
}

// readLimit reads a file that holds a number of bytes, "max", or v1's largest
// multiple of a page for no limit.
func readLimit(root fs.FS, name string) (int64, bool) {
	const most = 1 << 60
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0 && n < most
}
