//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// TestInterrupt stops an encoding at several moments: exit code 130 and nothing
// left, or it was done before.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for a second")
	}
	binary, err := exec.LookPath("helix-substrate")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "w.npy")
	if err := npy.Create(in, []int{4096, 4096}, bench.Gaussian(1<<24, 1)); err != nil {
		t.Fatal(err)
	}
	interrupted := 0
	for _, after := range []time.Duration{0, 20, 60, 120} { // milliseconds, once it writes
		cmd := exec.Command(binary, "encode", in, "-o", filepath.Join(dir, "w.cdna2.hxz"), "--threads", "1", "--codec", "brotli")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		appears(t, filepath.Join(dir, ".w.cdna2.hxz.*.partial"))
		time.Sleep(after * time.Millisecond)
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Log(err) // it is done
		}
		err := cmd.Wait()
		switch code := cmd.ProcessState.ExitCode(); {
		case code == exitInterrupted:
			interrupted++
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("after %d ms: %d files are left, %v", after, len(entries), err)
			}
		case code == exitOK: // too late
			os.Remove(filepath.Join(dir, "w.cdna2.hxz"))
		default:
			t.Errorf("after %d ms: %v", after, err)
		}
	}
	if interrupted == 0 {
		t.Error("no run was interrupted")
	}
}
