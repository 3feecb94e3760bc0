package transformer

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/latticetest"
	"github.com/helix-substrate/helix-substrate/model"
)

// cached opens a model directory with its experts streamed, by way of caches of so many experts a layer.
func cached(t testing.TB, dir string, o Options, slots int, use *model.ExpertUse) *Model {
	t.Helper()
	m := openStreamed(t, dir, o)
	list := matrices(m.Config, m.source)
	for i := range list {
		m.Plan.Matrices[i].Resident = m.Plan.Matrices[i].Resident && list[i].Experts == 0
	}
	p := &ExpertPlan{slots: make([]int, m.Config.Layers)}
	for l := range p.slots {
		p.slots[l] = slots
	}
	m.Plan.Experts, m.Plan.use = p, use
	if err := m.cacheExperts(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for l, c := range m.experts {
		m.blocks[l].Experts.Cache = c
	}
	return m
}

// TestExpertsCached: logits have the same bits from caches of any size, for every kind of file, number of threads and way of cutting a text, and
// whatever is known of the experts' use.
func TestExpertsCached(t *testing.T) {
	for _, name := range few([]string{"qwen3_moe", "granitemoe"}, 1) { // whose gates and up projections are one matrix
		f := openFixture(t, name)
		for _, method := range few([]string{"entropy", "shared", "lossless", "lattice"}, 1) {
			dir := filepath.Join(t.TempDir(), "model")
			switch method {
			case "entropy":
				convertTo(t, f.dir, dir, "snr=35", "block-rows=2")
			case "shared":
				convertTo(t, f.dir, dir, "snr=35", "block-rows=5") // blocks that two experts share
			case "lossless":
				convertTo(t, f.dir, dir, "method=lossless", "block-rows=2")
			case "lattice":
				convertTo(t, f.dir, dir, "method=lossless", "block-rows=2")
				latticetest.Convert(t, dir, 1.0/30)
			}
			o := Options{Context: f.Context}
			want := bits(allLogits(t, openModel(t, dir, o), f.Tokens, len(f.Tokens)))
			n := f.config.Experts.Count
			var read []int64
			for _, x := range []struct{ slots, cut int }{{0, 1}, {n / 2, 1}, {n, 1}, {1, 5}, {n / 2, len(f.Tokens)}} {
				o.Threads = 1 + x.slots%2
				t.Run(fmt.Sprintf("%s,%s,%+v", name, method, x), func(t *testing.T) {
					m := cached(t, dir, o, x.slots, nil)
					if got := allLogits(t, m, f.Tokens, x.cut); !slices.Equal(bits(got), want) {
						t.Error("other logits")
					}
					s := m.ExpertStats()
					read = append(read, s.Read)
					if shared := method == "shared"; (s.Hits > 0) != (!shared && x.slots > 0 && x.cut < len(f.Tokens)) || (s.Misses > 0) == shared || (s.Read > 0) == shared {
						t.Errorf("%+v", s)
					}
					table, err := m.ExpertUse()
					if err != nil {
						t.Fatal(err)
					}
					if err := table.Check(f.config.Layers, n); err != nil || table.Tokens != int64(len(f.Tokens)) {
						t.Errorf("%v: %d tokens, want %d", err, table.Tokens, len(f.Tokens))
					}
					if x.slots != n/2 {
						return
					}
					m = cached(t, dir, o, x.slots, &table.ExpertUse)
					if got := allLogits(t, m, f.Tokens, x.cut); !slices.Equal(bits(got), want) {
						t.Error("other logits with what is known of their use")
					}
				})
			}
			if len(read) == 5 && method != "shared" && !(read[2] < read[1] && read[1] < read[0]) {
				t.Errorf("%s, %s: bytes read: %v", name, method, read)
			}
		}
	}
}

func bits(x []float32) []uint32 {
	list := make([]uint32, len(x))
	for i, v := range x {
		list[i] = math.Float32bits(v)
	}
	return list
}

// TestPlanExpertRoom: room is given to all layers alike where nothing is known, else where tokens get most; what is expected to be read follows.
func TestPlanExpertRoom(t *testing.T) {
	c := &arch.Config{Layers: 3}
	c.Experts.Count, c.Experts.PerToken = 4, 2
	flat, steep := []int64{50, 50, 50, 50}, []int64{0, 98, 2, 100}
	layers := func(known bool) []expertLayer {
		list := []expertLayer{{layer: 0, slot: 12, file: 10}, {layer: 2, slot: 12, file: 10}}
		for i, uses := range [][]int64{flat, steep} {
			if known {
				list[i].shares = shares(uses, 2)
				list[i].ranked = slices.Sorted(slices.Values(list[i].shares))
				slices.Reverse(list[i].ranked)
			}
		}
		return list
	}
	for _, x := range []struct {
		left          int64
		known         bool
		slots         []int
		reads, likely int64
	}{
		{11, false, []int{0, 0, 0}, 40, 0},
		{12, false, []int{1, 0, 0}, 35, 0},
		{4*12 + 5, false, []int{2, 0, 2}, 20, 0},
		{1000, false, []int{4, 0, 4}, 0, 0},
		{11, true, []int{0, 0, 0}, 40, 40},
		{2 * 12, true, []int{0, 0, 2}, 30, 20},
		{4 * 12, true, []int{2, 0, 2}, 20, 10},
		{6 * 12, true, []int{4, 0, 2}, 10, 0},
	} {
		p := planExperts(c, layers(x.known), x.left)
		if !slices.Equal(p.slots, x.slots) || p.Reads != x.reads || p.Likely != x.likely || p.Used != 40 || p.Count != 8 || p.Bytes > x.left || p.Known != x.known {
			t.Errorf("%+v: %+v", x, p)
		}
	}
}

// TestExpertTableRefused: a table of another model, of another shape, or damaged, is refused by name, as is one for a model that is no directory of its own.
func TestExpertTableRefused(t *testing.T) {
	f := openFixture(t, "qwen3_moe")
	dir := filepath.Join(t.TempDir(), "model")
	convertTo(t, f.dir, dir, "method=lossless")
	o := Options{Context: f.Context}
	table, err := openModel(t, dir, o).ExpertUse()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "use.json")
	write := func(change func(t *model.ExpertTable)) *model.ExpertTable {
		t.Helper()
		changed := *table
		changed.Uses = slices.Clone(table.Uses)
		change(&changed)
		var text bytes.Buffer
		if err := changed.Write(&text); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		read, err := model.ReadExpertTable(path)
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	for name, change := range map[string]func(t *model.ExpertTable){
		"":               func(*model.ExpertTable) {},
		"another root":   func(t *model.ExpertTable) { t.RootSHA256 = strings.Repeat("a", 64) },
		"a layer less":   func(t *model.ExpertTable) { t.Uses = t.Uses[1:] },
		"an expert more": func(t *model.ExpertTable) { t.Uses[0] = make([]int64, f.config.Experts.Count+1) },
		"negative":       func(t *model.ExpertTable) { t.Uses[0] = make([]int64, f.config.Experts.Count); t.Uses[0][1] = -1 },
	} {
		o.ExpertUse = write(change)
		_, err := PlanFor(t.Context(), dir, o)
		if name == "" && err != nil || name != "" && (!errors.Is(err, model.ErrExpertUse) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := PlanFor(t.Context(), f.dir, o); !errors.Is(err, model.ErrExpertUse) {
			t.Errorf("%s, the source: %v", name, err)
		}
	}
	if _, err := openModel(t, f.dir, Options{Context: f.Context}).ExpertUse(); !errors.Is(err, model.ErrExpertUse) {
		t.Errorf("of the source: %v", err)
	}
	dense := openFixture(t, "llama")
	if _, err := openModel(t, dense.dir, Options{Context: 8}).ExpertUse(); !errors.Is(err, model.ErrExpertUse) {
		t.Errorf("of a model without experts: %v", err)
	}
}
