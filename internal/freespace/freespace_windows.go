package freespace

import "golang.org/x/sys/windows"

// At returns the bytes that the user can still write below path, an existing
// directory.
func At(path string) (int64, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return int64(free), err
}
