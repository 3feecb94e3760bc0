package receipt

import (
	"context"
	"os"
	"runtime"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// ProgramSHA256 returns the SHA-256 of the file that the running program is of, in hex, by
// which a receipt tells builds of the same version apart; "" where the system does not let it
// be read. The file is read once, at the first call. It may be called from several
// goroutines.
//
// It is a measurement, never part of what a receipt claims or a root covers: another build
// gives the same results.
func ProgramSHA256() string { return programSHA256() }

var programSHA256 = sync.OnceValue(func() string {
	path, err := os.Executable()
	if runtime.GOOS == "linux" {
		path, err = "/proc/self/exe", nil // the file that runs, even where another one has its name now
	}
	if err != nil {
		return ""
	}
	sum, _, err := regularfile.SHA256(context.Background(), path)
	if err != nil {
		return ""
	}
	return sum
})
