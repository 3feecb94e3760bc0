package bench

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// TestPeaks: where there is a yardstick, it says something.
func TestPeaks(t *testing.T) {
	for _, l := range kernel.Levels() {
		k, err := kernel.ForLevel(l)
		if err != nil {
			t.Fatal(err)
		}
		float, integer := measurePeaks(k, 2, 3)
		for _, p := range []PeakResult{float, integer} {
			if (p.Instruction != "") != (p.GPerSec > 0) {
				t.Errorf("%s: %+v", l, p)
			}
			t.Logf("%s: %s %.0f G multiply-adds/s", l, p.Instruction, p.GPerSec)
		}
	}
}

// TestReadDirect: all bytes of all files are read, where the file system offers that.
func TestReadDirect(t *testing.T) {
	var paths []string
	for i, size := range []int{300_000, 5} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte(i)}, size), 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for _, depth := range diskDepths {
		n, seconds, err := readDirect(t.Context(), paths, directRead, depth)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		if n != 300_005 || seconds <= 0 || err != nil {
			t.Errorf("%d requests at once: %d bytes in %v s, %v", depth, n, seconds, err)
		}
	}
	if _, _, err := readDirect(t.Context(), []string{filepath.Join(t.TempDir(), "absent")}, directRead, 1); err == nil {
		t.Error("a file that is not there was read")
	}
}
