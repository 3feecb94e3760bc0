//go:build !linux

package uncached

import "os"

func adviseSequential(*os.File) {}

func drop(*os.File, int64, int64) {}

func adviseNeed(*os.File, int64, int64) {}
