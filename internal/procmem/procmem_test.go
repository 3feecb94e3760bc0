package procmem_test

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
)

const size = 64 << 20

// touch maps memory and writes to every page of it, then gives it back.
func touch(t *testing.T, during func()) {
	t.Helper()
	b, err := offheap.Alloc(size)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	during()
	if err := offheap.Free(b); err != nil {
		t.Fatal(err)
	}
}

func TestFiguresFollowMemory(t *testing.T) {
	switch runtime.GOOS {
	case "linux", "windows", "darwin":
	default:
		t.Skip("this system does not tell")
	}
	before, tells := procmem.CurrentRSS()
	touch(t, func() {
		if now, _ := procmem.CurrentRSS(); tells && now-before < size*9/10 {
			t.Errorf("%d bytes resident before, %d after touching %d more", before, now, size)
		}
	})
	peak, ok := procmem.PeakRSS()
	if !ok || peak < size {
		t.Errorf("peak %d, %v", peak, ok)
	}
	if after, _ := procmem.CurrentRSS(); tells && peak-after < size/2 {
		t.Errorf("peak %d, %d after giving %d back", peak, after, size)
	}
}

func TestResetPeak(t *testing.T) {
	touch(t, func() {})
	high, _ := procmem.PeakRSS()
	err := procmem.ResetPeak()
	if runtime.GOOS != "linux" {
		if !errors.Is(err, procmem.ErrUnsupported) {
			t.Fatalf("got %v", err)
		}
		return
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		t.Skip("forbidden here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if low, _ := procmem.PeakRSS(); high-low < size/2 {
		t.Skipf("peak %d before, %d after: this kernel does not reset it", high, low)
	}
}

func Example() {
	peak, ok := procmem.PeakRSS()
	fmt.Println(!ok || peak > 1<<20)
	// Output: true
}
