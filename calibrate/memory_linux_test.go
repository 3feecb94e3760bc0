//go:build !race

package calibrate

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
)

// TestPeak: a process that calibrates a model stays within its limit from its start to its end; the
// smallest that is named is enough.
func TestPeak(t *testing.T) {
	if testing.CoverMode() != "" || testing.Short() {
		t.Skip("an instrumented program is larger")
	}
	dir := t.TempDir()
	if err := os.Rename(demoModel(t), filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
	o := short()
	o.Memory = 1 << 20
	err := Run(t.Context(), located(t, filepath.Join(dir, "model")), filepath.Join(dir, "s"), o)
	if !errors.Is(err, memory.ErrLimit) {
		t.Fatalf("%v", err)
	}
	smallest := least(t, err)
	t.Logf("at least %d bytes", smallest)
	for _, limit := range []int64{smallest, 96 << 20} {
		if child(t, dir, 0, limit) {
			t.Fatal("it was killed")
		}
		if err := os.Remove(filepath.Join(dir, "s")); err != nil {
			t.Fatal(err)
		}
	}
}
