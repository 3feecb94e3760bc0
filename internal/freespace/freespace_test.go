package freespace

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestAt(t *testing.T) {
	n, err := At(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not tell")
	}
	if err != nil || n <= 0 {
		t.Errorf("%d, %v: a disk that holds the tests is not full", n, err)
	}
	if _, err := At(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that does not exist has space")
	}
}
