package procmem

import (
	"bytes"
	"os"
	"strconv"
)

func peakRSS() (int64, bool)    { return statusField("VmHWM:") }
func currentRSS() (int64, bool) { return statusField("VmRSS:") }

func mappedRSS() (int64, bool) { return statusField("RssFile:") }
func resetPeak() error {
	f, err := os.OpenFile("/proc/self/clear_refs", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("5") // see proc_pid_clear_refs(5)
	return err
}

func statusField(name string) (int64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	return parseField(status, name)
}

// parseField finds a line such as "VmHWM:	   12345 kB".
func parseField(status []byte, name string) (int64, bool) {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) != 2 || string(fields[1]) != "kB" {
			return 0, false
		}
		kib, err := strconv.ParseInt(string(fields[0]), 10, 53)
		return kib << 10, err == nil && kib >= 0
	}
	return 0, false
}
