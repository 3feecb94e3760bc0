//go:build unix

package cdna

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A pipe that nobody writes to must not keep anyone waiting.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	if _, err := DetectFile(path); !errors.Is(err, ErrNotRegular) {
		t.Errorf("DetectFile: %v", err)
	}
	if _, err := Open(path); !errors.Is(err, ErrNotRegular) {
		t.Errorf("Open: %v", err)
	}
	if _, err := OpenSidecar(path); !errors.Is(err, ErrNotRegular) {
		t.Errorf("OpenSidecar: %v", err)
	}
}
