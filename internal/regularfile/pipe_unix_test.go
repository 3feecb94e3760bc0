//go:build unix

package regularfile_test

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// A pipe that nobody writes to would keep os.Open waiting.
func TestOpenRefusesPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	if _, _, err := regularfile.Open(path); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("got %v", err)
	}
}
