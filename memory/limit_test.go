package memory

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"testing"
)

// withLimit restores the collector's settings after a test.
func withLimit(t *testing.T) {
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	t.Cleanup(func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	})
}

// TestNamed: the figure has half a MiB to spare, is whole, and stays where it is named
// again.
func TestNamed(t *testing.T) {
	for _, need := range []int64{0, 1, 1 << 19, 1<<19 + 1, 20 << 20, 20<<20 + 12345, 1 << 40} {
		n := Named(need)
		if n%(1<<20) != 0 || n-need < 1<<19 || n-need >= 3<<19 || Named(n-1<<20) != n {
			t.Errorf("%d is named %d", need, n)
		}
	}
}

// TestHeld follows what lives, not the garbage.
func TestHeld(t *testing.T) {
	before := Held()
	live := make([]byte, 8<<20)
	for range 10 {
		_ = fmt.Sprint(make([]byte, 1<<16))
	}
	if d := Held() - before; d < 8<<20-4<<10 || d > 9<<20 { // something else may go meanwhile
		t.Errorf("%d bytes more with 8 MiB that live", d)
	}
	live[0] = 1
	live = nil
	if d := Held() - before; d > 1<<20 || live != nil {
		t.Errorf("%d bytes more with nothing", d)
	}
}

func TestLimits(t *testing.T) {
	withLimit(t)
	if l := Allowed(5); l != (Limit{5, Flag}) {
		t.Errorf("%+v", l)
	}
	(Limit{}).Begin()
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Skip("the tests run under a limit themselves")
	}
	if err := errors.Join((Limit{}).Need("for all", 1<<50), Fits("all", 1<<50)); err != nil || Room() != math.MaxInt64 {
		t.Errorf("without a limit: %v", err)
	}
	l := Limit{Bytes: 256 << 20, Source: Flag}
	defer l.Begin()()
	if err := l.Need("for little", 1<<20); err != nil {
		t.Error(err)
	}
	err := l.Need("for this", 1<<30)
	if !errors.Is(err, ErrLimit) || !strings.Contains(fmt.Sprint(err), "would do for this") {
		t.Errorf("%v", err)
	}
	Settle(Share(Held(), 4<<20))
	if room := Room(); room < 4<<20-64<<10 || room > 16<<20 {
		t.Errorf("room for %d bytes where 4 MiB were to come", room)
	}
	if err := Fits("this", 1<<25); !errors.Is(err, ErrLimit) {
		t.Errorf("%v", err)
	}
}

// TestBeginEnd: the collector is as before when all have ended, and not sooner.
func TestBeginEnd(t *testing.T) {
	withLimit(t)
	debug.SetGCPercent(77)
	limit := debug.SetMemoryLimit(-1)
	settings := func() (percent int, limited bool) {
		percent = debug.SetGCPercent(50)
		debug.SetGCPercent(percent)
		return percent, debug.SetMemoryLimit(-1) != limit
	}
	l := Limit{Bytes: 256 << 20, Source: Flag}
	first, second := l.Begin(), l.Begin()
	first()
	first()
	if p, limited := settings(); p != lean || !limited {
		t.Errorf("ended too soon: %d %%, limited: %v", p, limited)
	}
	third := l.Begin()
	second()
	third()
	if p, limited := settings(); p != 77 || limited {
		t.Errorf("not ended: %d %%, limited: %v", p, limited)
	}
	(Limit{}).Begin()()
}

// TestFitsFile refuses a file that is larger than the limit before it is read.
func TestFitsFile(t *testing.T) {
	if err := FitsFile("large", 1<<40); err != nil {
		t.Errorf("without a limit: %v", err)
	}
	withLimit(t)
	debug.SetMemoryLimit(64 << 20)
	for size, fits := range map[int64]bool{0: true, 1 << 20: true, 60 << 20: false, 1 << 40: false} {
		if err := FitsFile("x", size); (err == nil) != fits || err != nil && !errors.Is(err, ErrLimit) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
