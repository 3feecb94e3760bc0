package convert

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// tmpfs mounts a small disk.
func tmpfs(t *testing.T, size string) string {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, 0) })
	return disk
}

// TestSmallDisk: what the disk has no room for is not begun.
func TestSmallDisk(t *testing.T) {
	disk := tmpfs(t, "256k")
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("w", 1000, 1000, 1))
	if _, err := Directory(t.Context(), Job{Source: src, Output: filepath.Join(disk, "out")}); !errors.Is(err, ErrSpace) {
		t.Errorf("%v, want ErrSpace", err)
	}
	onlyIn(t, disk)
}

// TestFullDisk fills the disk while a conversion runs: it stops with the system's
// error, and goes on when there is room again.
func TestFullDisk(t *testing.T) {
	disk := tmpfs(t, "4m")
	src := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, src, matrixEntry("a", 1000, 1000, 1), matrixEntry("b", 999, 1000, 2), matrixEntry("c", 998, 1000, 3))
	filler := filepath.Join(disk, "filler")
	job := Job{Source: src, Output: filepath.Join(disk, "out"), Options: Options{Threads: 1}}
	var once sync.Once
	fill := job
	fill.Progress = func(int64, int64, string) {
		once.Do(func() {
			f, err := os.Create(filler)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			for block := make([]byte, 4096); err == nil; {
				_, err = f.Write(block)
			}
		})
	}
	if _, err := Directory(t.Context(), fill); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v, want no space left", err)
	}
	onlyIn(t, disk, ".out.partial", "filler")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if r := convertAll(t, job); r.Resumed != 1 {
		t.Errorf("%d tensors resumed", r.Resumed)
	}
	whole := job
	whole.Output = filepath.Join(t.TempDir(), "whole")
	convertAll(t, whole)
	sameContents(t, job.Output, whole.Output)
}
