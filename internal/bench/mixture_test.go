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

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// readRandom has a session read tokens that nothing has chosen, in steps of so many.
func readRandom(t testing.TB, m *transformer.Model, s *transformer.Session, r *rand.Rand, tokens, step int) {
	t.Helper()
	for at := 0; at < tokens; at += step {
		ids := make([]int, min(step, tokens-at))
		for i := range ids {
			ids[i] = r.IntN(m.Config.Vocab)
		}
		if err := s.Forward(t.Context(), ids, len(ids)-1, func(int, []float32) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMixtureCache runs a synthetic mixture whose routers choose by Zipf's law, within a limit that half of its experts fit in: of what no cache would read,
// at most 0.35 is read; with a table of uses less than that.
func TestMixtureCache(t *testing.T) {
	x := Mixture{Layers: 3, Hidden: 256, Heads: 4, KVHeads: 2, HeadDim: 32, Vocab: 512, Experts: 128, PerToken: 8, FFN: 192, Skew: 1}
	dir := filepath.Join(t.TempDir(), "mixture")
	if err := x.Make(t.Context(), dir, cdna.PackedCodec); err != nil {
		t.Fatal(err)
	}
	o := transformer.Options{Context: 512, Threads: 2}
	run := func() float64 {
		t.Helper()
		m, err := transformer.Open(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if p := m.Plan.Experts; p == nil || p.Held < p.Count*2/5 || p.Held > p.Count/2 {
			t.Fatalf("%+v of %d bytes", p, o.Memory)
		}
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r := rand.New(rand.NewPCG(1, 1))
		readRandom(t, m, s, r, 400, 1)
		stats := m.ExpertStats()
		if want := int64(400 * x.Layers * x.PerToken); stats.Hits+stats.Misses != want {
			t.Errorf("%+v, want %d experts", stats, want)
		}
		if o.ExpertUse == nil {
			if o.ExpertUse, err = m.ExpertUse(); err != nil {
				t.Fatal(err)
			}
		}
		return float64(stats.Read) / float64(400*m.Plan.Experts.Used)
	}
	p, err := transformer.PlanFor(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for o.Memory = p.Minimum; ; o.Memory += 1 << 20 {
		p, err := transformer.PlanFor(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if p.Experts == nil {
			t.Fatal("all experts fit before half of them do")
		}
		if p.Experts.Held > p.Experts.Count*9/20 {
			break
		}
	}
	cold := run()
	learned := run()
	if cold > 0.35 || learned >= cold {
		t.Errorf("%.3f of what no cache reads is read, with a table of uses %.3f", cold, learned)
	}
	t.Logf("%.3f of what no cache reads is read, with a table of uses %.3f", cold, learned)
}

// TestMixtureLarge runs the model in $HELIX_MIXTURE, which it makes there if there is none, of Qwen3-30B-A3B's shape with 24 layers, within 2 GiB.
// It shows its speed beside the disk's, which it measures before and after.
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
		bytes, seconds, err := readDirect(t.Context(), paths, 8)
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
	stats, start := m.ExpertStats(), time.Now()
	const tokens = 16
	readRandom(t, m, s, r, tokens, 1)
	seconds := time.Since(start).Seconds()
	now := m.ExpertStats()
	after := disk(seed + 1)
	read := float64(now.Read-stats.Read) / tokens
	bound := (before + after) / 2 / read
	peak, _ := procmem.PeakRSS()
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("held %d of %d; hits %.3f; %.0f MB read a token; %.3f tokens/s; disk %.0f and %.0f MB/s; %.2f of its bound; peak %d MiB; %d threads; load %.14s\n",
		m.Plan.Experts.Held, m.Plan.Experts.Count, float64(now.Hits-stats.Hits)/float64(now.Hits-stats.Hits+now.Misses-stats.Misses), read/1e6,
		tokens/seconds, before/1e6, after/1e6, tokens/seconds/bound, peak>>20, runtime.GOMAXPROCS(0), load)
	if peak > limit {
		t.Errorf("peak of %d bytes", peak)
	}
}
