//go:build !linux && !darwin && !windows

package procmem

func peakRSS() (int64, bool)    { return 0, false }
func currentRSS() (int64, bool) { return 0, false }
func mappedRSS() (int64, bool)  { return 0, false }
func resetPeak() error          { return ErrUnsupported }
