package procmem

import "testing"

func TestParseField(t *testing.T) {
	const status = "Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t   12345 kB\nVmRSS:\t-1 kB\nVmLib:\t1 MB\nVmData:\t99999999999999999 kB\nVmExe:\n"
	for name, want := range map[string]int64{"VmHWM:": 12345 << 10, "VmRSS:": -1, "VmLib:": -1, "VmData:": -1, "VmExe:": -1, "VmSwap:": -1} {
		got, ok := parseField([]byte(status), name)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%s %d, %v", name, got, ok)
		}
	}
}
