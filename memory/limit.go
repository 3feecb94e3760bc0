package memory

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/procmem"
)

// ErrLimit reports a limit that is too small; the message names how much would do.
var ErrLimit = errors.New("not enough memory")

// Source says where a limit comes from.
type Source string

// The sources of limits.
const (
	None   Source = ""       // there is no limit
	Flag   Source = "flag"   // whoever started the process said so
	Cgroup Source = "cgroup" // 90 % of what the process's control group allows
)

// Limit is the most that the whole process may hold, in bytes; the zero Limit is none.
type Limit struct {
	Bytes  int64
	Source Source
}

// Allowed returns the limit of bytes that somebody has asked for or, where that is 0,
// 90 % of what the control group allows (Linux); else none. The tenth is for what the
// group counts besides the process: page cache that is being read, the kernel's own.
func Allowed(bytes int64) Limit {
	if bytes > 0 {
		return Limit{bytes, Flag}
	}
	if group, ok := procmem.CgroupLimit(); ok {
		return Limit{group / 10 * 9, Cgroup}
	}
	return Limit{}
}

// lean is the garbage, in percent of what lives, at which the collector starts: often,
// since what is large lies outside the Go heap.
const lean = 25

// leastHeap is a limit for the collector below which it would do nothing else.
const leastHeap = 6 << 20

// before is what the collector was set to before the first of those who keep a limit. Like
// the settings themselves it is the process's.
var before struct {
	sync.Mutex
	keeping int // how many keep a limit
	percent int
	limit   int64
}

// Begin has the process keep the limit from here on, as far as the collector can: what
// is parsed afterwards leaves little garbage behind. It gives back what starting up took.
// Without a limit it does nothing.
//
// When all who began have called end, which each may do once or more, the collector is set
// as it was before.
func (l Limit) Begin() (end func()) {
	if l.Source == None {
		return func() {}
	}
	before.Lock()
	if before.keeping++; before.keeping == 1 {
		before.percent, before.limit = debug.SetGCPercent(lean), debug.SetMemoryLimit(-1)
	}
	before.Unlock()
	Lean()
	collect(l.Bytes)
	return sync.OnceFunc(func() {
		before.Lock()
		defer before.Unlock()
		if before.keeping--; before.keeping == 0 {
			debug.SetGCPercent(before.percent)
			debug.SetMemoryLimit(before.limit)
		}
	})
}

// Lean has the process take little, without a limit: the collector runs often, and what
// starting up took is given back.
func Lean() {
	debug.SetGCPercent(lean)
	debug.FreeOSMemory()
	Trim()
}

// Trim gives back what of the program itself only starting up has needed.
func Trim() {
	_ = procmem.TrimProgram() // at worst the process is a few MiB larger
}

// Need returns ErrLimit if n more bytes of the Go heap at once are more than the limit
// allows before anything else is planned; the message says what they are for, and how
// much would do for that.
func (l Limit) Need(what string, n int64) error {
	if l.Source == None {
		return nil
	}
	if room := Room(); n > room {
		return l.TooSmall(what, l.Bytes+n-room)
	}
	return nil
}

// Fits returns ErrLimit if n more bytes are more than the Go heap has room for within
// what Settle has left to it.
func Fits(what string, n int64) error {
	if room := Room(); n > room {
		return fmt.Errorf("%s takes %s, there is room for %s: %w", what, FormatSizeUp(n), FormatSize(max(0, room)), ErrLimit)
	}
	return nil
}

// FitsFile returns ErrLimit if there is no room for a whole file of size bytes and as much
// again for what is made of it. Small files are not looked at: Room collects the garbage.
func FitsFile(path string, size int64) error {
	const small = 1 << 24
	if size < small {
		return nil
	}
	return Fits(path, 2*size)
}

// TooSmall returns the error of a limit that is smaller than the process needs for what.
func (l Limit) TooSmall(what string, need int64) error {
	limit := "a limit of " + FormatSize(l.Bytes)
	if l.Source == Cgroup {
		limit = "90 % of the cgroup's memory, " + FormatSize(l.Bytes)
	}
	return fmt.Errorf("%s: at least %s would do %s: %w", limit, FormatSizeUp(Named(need)), what, ErrLimit)
}

// Again returns what a peak that was measured may come to in another run: it differs by when garbage was collected, 1 %
// was seen.
func Again(peak int64) int64 { return peak + peak/32 }

// Named rounds what a process needs up to the figure to name: a whole MiB, with half of
// one to spare, as no two processes' heaps are the same to the byte. A limit of that
// figure is enough in every run that is like the measured one.
func Named(need int64) int64 {
	const spare, unit = 1 << 19, 1 << 20
	return (need + spare + unit - 1) &^ (unit - 1)
}

// pages is what the program's own pages come to: code, constants and data that verbs
// touch, measured on Linux at 16 to 18.9 MiB (20.1 in a calibrated conversion, which has room to spare at its least limit), since the
// system maps 16 pages around each that is needed.
const pages = 18 << 20

// Pages returns what the program's own pages take at most: the measured constant, or more
// where more is mapped already, as in a program that has this one as a part.
func Pages() int64 {
	if mapped, ok := procmem.MappedRSS(); ok {
		return max(pages, mapped+1<<18)
	}
	return pages
}

// Held returns what lives on the Go heap, once the garbage is collected and given back to
// the system. It hardly differs between runs of the same program that have read the same.
func Held() int64 {
	runtime.GC() // twice: what pools keep goes with the second
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The rest of the runtime: stacks, parts of spans that are free, span tables, the
// collector's bitmaps and queues, and what is kept apart for every processor.
const (
	tablesFixed        = 5 << 19
	tablesPerProcessor = 256 << 10
	tablesShare        = 64 // a byte of tables for that many of heap
)

// Share returns what the program takes in all when Go holds so much and later bytes more:
// its pages, the runtime, and room for garbage, an eighth of what lives but at least
// 2 MiB, so that the collector does not starve.
func Share(held, later int64) int64 {
	lives := held + later
	runtime := tablesFixed + tablesPerProcessor*int64(runtime.GOMAXPROCS(0)-1) + lives/tablesShare
	return Pages() + lives + runtime + max(2<<20, lives/8)
}

// Settle gives the collector what is left of a share beside the program's pages.
func Settle(share int64) {
	Trim() // what parsing needed
	collect(share)
}

// collect has the collector keep the program within so many bytes, pages and all. The
// runtime counts all of its own tables, most of which it never touches.
func collect(bytes int64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	tables := int64(m.Sys - m.HeapSys - m.StackSys)
	debug.SetMemoryLimit(max(bytes-Pages()-tablesFixed, leastHeap) + tables)
}

// Room returns how many more bytes may live on the Go heap within the limit that Begin or
// Settle has set, some room for garbage aside. It collects the garbage; without a limit
// it does nothing and there is always room.
func Room() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return limit
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return limit - int64(m.Sys-m.HeapReleased) - 1<<20
}

// Peak returns the most that the process ever held, as the system counts it; ok is false
// where the system does not tell.
func Peak() (bytes int64, ok bool) { return procmem.PeakRSS() }

// Resident returns what the process holds now, as the system counts it; ok is false where the system does not tell.
func Resident() (bytes int64, ok bool) { return procmem.CurrentRSS() }

// ResetPeak has Peak count from now on, where the system can; elsewhere, what the process held
// before counts too. It gives back what is garbage.
func ResetPeak() {
	debug.FreeOSMemory()
	_ = procmem.ResetPeak()
}
