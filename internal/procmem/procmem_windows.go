package procmem

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryCounters is PROCESS_MEMORY_COUNTERS.
type memoryCounters struct {
	size                       uint32
	pageFaults                 uint32
	peakWorkingSetSize         uintptr
	workingSetSize             uintptr
	quotaPeakPagedPoolUsage    uintptr
	quotaPagedPoolUsage        uintptr
	quotaPeakNonPagedPoolUsage uintptr
	quotaNonPagedPoolUsage     uintptr
	pagefileUsage              uintptr
	peakPagefileUsage          uintptr
}

var getProcessMemoryInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")

func counters() (memoryCounters, bool) {
	c := memoryCounters{size: uint32(unsafe.Sizeof(memoryCounters{}))}
	if getProcessMemoryInfo.Find() != nil {
		return c, false
	}
	ok, _, _ := getProcessMemoryInfo.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&c)), uintptr(c.size))
	return c, ok != 0
}

func peakRSS() (int64, bool) {
	c, ok := counters()
	return int64(c.peakWorkingSetSize), ok
}

func currentRSS() (int64, bool) {
	c, ok := counters()
	return int64(c.workingSetSize), ok
}

func mappedRSS() (int64, bool) { return 0, false }
func resetPeak() error         { return ErrUnsupported }
