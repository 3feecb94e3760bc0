package procmem

import "golang.org/x/sys/unix"

func peakRSS() (int64, bool) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return u.Maxrss, true // bytes here, unlike on other systems
}

// currentRSS would need a Mach call, which Go cannot make without cgo.
func currentRSS() (int64, bool) { return 0, false }

func mappedRSS() (int64, bool) { return 0, false }
func resetPeak() error         { return ErrUnsupported }
