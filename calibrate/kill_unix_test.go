//go:build unix

package calibrate

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
)

// These have a child process of TestKill or of TestPeak calibrate the model in a directory, where
// its statistics go, end itself after so many windows, and keep a limit.
const (
	childDirEnv     = "HELIX_TEST_CALIBRATE_DIR"
	childWindowsEnv = "HELIX_TEST_CALIBRATE_WINDOWS"
	childMemoryEnv  = "HELIX_TEST_CALIBRATE_MEMORY"
)

// TestChild is that process.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDirEnv)
	if dir == "" {
		t.Skip("runs as a child of other tests")
	}
	windows, _ := strconv.Atoi(os.Getenv(childWindowsEnv))
	limit, _ := strconv.ParseInt(os.Getenv(childMemoryEnv), 10, 64)
	o := short()
	o.Memory = limit
	o.Progress = func(Progress) {
		if windows--; windows == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	if err := Run(t.Context(), located(t, filepath.Join(dir, "model")), filepath.Join(dir, "s"), o); err != nil {
		t.Fatal(err)
	}
	peak, ok := memory.Peak()
	if ok && limit > 0 && peak > limit {
		t.Errorf("the process has held %d bytes of %d", peak, limit)
	}
	t.Logf("at most %d bytes", peak)
}

// child runs TestChild.
func child(t *testing.T, dir string, windows int, limit int64) (killed bool) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	c.Env = append(os.Environ(), childDirEnv+"="+dir, childWindowsEnv+"="+strconv.Itoa(windows), childMemoryEnv+"="+strconv.FormatInt(limit, 10))
	out, err := c.CombinedOutput()
	if err == nil {
		t.Logf("%s", out)
		return false
	}
	if c.ProcessState.ExitCode() != -1 { // not by a signal
		t.Fatalf("%v\n%s", err, out)
	}
	return true
}

// TestKill kills a calibration by SIGKILL in each of its layers, and in some twice; the statistics are
// those of an undisturbed one, and nothing else is left.
func TestKill(t *testing.T) {
	want := statistics(t, demoModel(t), short())
	dir := t.TempDir()
	if err := os.Rename(demoModel(t), filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for _, windows := range []int{1, 5, 18, 17, 20, 33, 3} {
		if child(t, dir, windows, 0) {
			kills++
		}
	}
	if kills != 7 {
		t.Errorf("%d of 7 were killed", kills)
	}
	child(t, dir, 0, 0)
	if got := readFile(t, filepath.Join(dir, "s")); !bytes.Equal(got, want) {
		t.Error("other statistics")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%v is left", entries)
	}
}
