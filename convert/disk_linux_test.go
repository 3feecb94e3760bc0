package convert

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk converts onto a file system of 256 KiB.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, 0) })
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("w", 1000, 1000, 1))
	if _, err := Directory(t.Context(), Job{Source: src, Output: filepath.Join(disk, "out")}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want no space left", err)
	}
	entries, err := os.ReadDir(disk)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v, %v left on the disk", entries, err)
	}
}
