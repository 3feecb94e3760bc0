package bench

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
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
