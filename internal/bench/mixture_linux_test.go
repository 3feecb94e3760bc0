package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// processorTime is what the process has used until now.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestMixtureLarge runs the model in $HELIX_MIXTURE, which it makes there if there is none, of Qwen3-30B-A3B's shape with 24 layers, within 2 GiB.
// It shows its speed beside the disk's, which it measures before and after by reads as large, and as many at once, as those of experts.
func TestMixtureLarge(t *testing.T) {
	dir := os.Getenv("HELIX_MIXTURE")
	if dir == "" {
		t.Skip("HELIX_MIXTURE names no directory for a model of 9 GB")
	}
	skew, _ := strconv.ParseFloat(os.Getenv("HELIX_MIXTURE_SKEW"), 64)
	if _, err := os.Stat(dir); err != nil {
		start := time.Now()
		if err := Qwen30B(24, skew).Make(t.Context(), dir, cdna.PackedCodec); err != nil {
			t.Fatal(err)
		}
		t.Logf("made in %.0f s", time.Since(start).Seconds())
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+cdna.LatticeSuffix))
	if err != nil {
		t.Fatal(err)
	}
	var large []string
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Size() > 100<<20 {
			large = append(large, f)
		}
	}
	disk := func(seed uint64) float64 { // bytes a second
		pick := rand.New(rand.NewPCG(seed, 5)).Perm(len(large))[:4]
		var paths []string
		for _, i := range pick {
			paths = append(paths, large[i])
		}
		bytes, seconds, err := readDirect(t.Context(), paths, 1<<20, 16)
		if err != nil {
			t.Fatal(err)
		}
		return float64(bytes) / seconds
	}
	const limit = 2 << 30
	m, err := transformer.Open(t.Context(), dir, transformer.Options{Memory: limit, Context: 256})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	readRandom(t, m, s, r, 16, 16)
	readRandom(t, m, s, r, 16, 1)
	before := disk(seed)
	stats, start, used := m.ExpertStats(), time.Now(), processorTime(t)
	const tokens = 32
	readRandom(t, m, s, r, tokens, 1)
	seconds := time.Since(start).Seconds()
	used = processorTime(t) - used
	now := m.ExpertStats()
	after := disk(seed + 1)
	read := float64(now.Read-stats.Read) / tokens
	bound := (before + after) / 2 / read
	peak, _ := procmem.PeakRSS()
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("held %d of %d; hits %.3f; %.0f MB read a token; %.3f tokens/s; %.3f s of processor time a token; disk %.0f and %.0f MB/s; %.2f of its bound; peak %d MiB; %d threads; load %.14s\n",
		m.Plan.Experts.Held, m.Plan.Experts.Count, float64(now.Hits-stats.Hits)/float64(now.Hits-stats.Hits+now.Misses-stats.Misses), read/1e6,
		tokens/seconds, used.Seconds()/tokens, before/1e6, after/1e6, tokens/seconds/bound, peak>>20, runtime.GOMAXPROCS(0), load)
	if peak > limit {
		t.Errorf("peak of %d bytes", peak)
	}
}
