package transformer

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/latticetest"
	"github.com/helix-substrate/helix-substrate/stream"
)

// TestLargest: the largest keys win, of equal ones the lower places; a NaN is as high as can be.
func TestLargest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inf := float32(math.Inf(1))
		keys := rapid.SliceOfN(rapid.SampledFrom([]float32{-inf, -1, 0, 1, 1.5, inf, float32(math.NaN())}), 1, 9).Draw(t, "keys")
		n := rapid.IntRange(1, len(keys)).Draw(t, "n")
		wide := make([]float64, len(keys))
		for i, v := range keys {
			if wide[i] = float64(v); v != v {
				wide[i] = math.Inf(1)
			}
		}
		want := places(wide)[:n]
		for i, at := range largest(make([]int32, n), keys) {
			if int(at) != want[i] {
				t.Fatalf("place %d of %v is %d, want %d", i, keys, at, want[i])
			}
		}
	})
}

// TestChooseTies: of experts that the router likes as much the first are chosen, in ascending order.
func TestChooseTies(t *testing.T) {
	x := arch.Experts{Count: 6, PerToken: 3, Normalize: true}
	r := newRouting(&x, 1, 1, 0, func(n int) []float32 { return make([]float32, n) })
	r.choose(&x, r.choices, []float32{1, 2, 1, 2, 1, 1}, nil)
	sum := 2*math.Exp(0) + math.Exp(-1)
	want := []choice{{0, float32(math.Exp(-1) / sum)}, {1, float32(1 / sum)}, {3, float32(1 / sum)}}
	for i, c := range r.choices {
		if c.expert != want[i].expert || math.Abs(float64(c.weight-want[i].weight)) > 1e-7 {
			t.Errorf("choice %d is %v, want %v", i, c, want[i])
		}
	}
}

// TestChooseDamage: where the router's output is no number, what the experts add is none.
func TestChooseDamage(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, x := range []arch.Experts{
		{}, {Normalize: true}, {Sigmoid: true}, {Sigmoid: true, Normalize: true}, {Sigmoid: true, Groups: 2, GroupsPerToken: 1},
	} {
		x.Count, x.PerToken = 4, 2
		for _, logits := range [][]float32{{1, 2, nan, 0}, {nan, 3, 2, 1}, {inf, 0, 1, nan}} {
			r := newRouting(&x, 1, 1, 0, func(n int) []float32 { return make([]float32, n) })
			r.choose(&x, r.choices, slices.Clone(logits), nil)
			if !slices.ContainsFunc(r.choices, func(c choice) bool { return c.weight != c.weight }) {
				t.Errorf("%+v: of %v are chosen %v", x, logits, r.choices)
			}
		}
	}
}

// TestRouterBias: what is no number in a bias, which decides about experts and shows in nothing else, is refused.
func TestRouterBias(t *testing.T) {
	f := openFixture(t, "glm4_moe")
	path := filepath.Join(f.dir, "model.safetensors")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head := 8 + int(binary.LittleEndian.Uint64(text))
	var tensors map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(text[8:head], &tensors); err != nil {
		t.Fatal(err)
	}
	at := head + tensors["model.layers.1.mlp.gate.e_score_correction_bias"].Offsets[0]
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		dir := t.TempDir()
		copyFile(t, filepath.Join(f.dir, "config.json"), filepath.Join(dir, "config.json"))
		binary.LittleEndian.PutUint32(text[at:], math.Float32bits(float32(bad)))
		if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, arch.ErrWeights) || !strings.Contains(err.Error(), "layers.1.mlp.gate.e_score_correction_bias") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// mixtures are the fixtures that have experts.
func mixtures(t testing.TB) (list []*fixture) {
	t.Helper()
	for _, name := range fixtureNames(t) {
		if f := openFixture(t, name); f.config.Experts.Count > 0 {
			list = append(list, f)
		}
	}
	if len(list) < 15 {
		t.Fatalf("only %d mixtures", len(list))
	}
	return list
}

// TestExpertsBits: a mixture in files of every kind has the same bits resident, streamed and in
// between, for all threads, chunks and levels.
func TestExpertsBits(t *testing.T) {
	for _, name := range few([]string{"qwen3_moe", "qwen2_moe", "mixtral-tied", "gpt_oss", "deepseek_v3", "gemma4-experts", "llama4_text"}, 1) {
		f := openFixture(t, name)
		for _, method := range []string{"entropy", "lossless", "lattice"} {
			dir := filepath.Join(t.TempDir(), "model")
			switch method {
			case "entropy":
				convertTo(t, f.dir, dir, "snr=35", "block-rows=5") // blocks that two experts share
			case "lossless":
				convertTo(t, f.dir, dir, "method=lossless")
			case "lattice":
				convertTo(t, f.dir, dir, "method=lossless")
				latticetest.Convert(t, dir, 1.0/30)
			}
			m := openModel(t, dir, Options{Context: f.Context})
			plan, want := m.Plan, allLogits(t, m, f.Tokens, len(f.Tokens))
			if worst := largestError(t, want, f.logits); method == "lossless" && !(worst <= 1e-5) {
				t.Errorf("%s, %s: logits differ by %.2g of the largest", name, method, worst)
			}
			for _, o := range []Options{{Threads: 1, CPU: "generic", Chunk: 1}, {Threads: 3, Chunk: 5}, {Memory: plan.Minimum}, {Memory: plan.Minimum, Chunk: 7, Threads: 2}} {
				o.Context = f.Context
				open := openModel
				if o.Memory != 0 {
					open = openStreamed
				}
				t.Run(fmt.Sprintf("%s,%s,%+v", name, method, o), func(t *testing.T) {
					m := open(t, dir, o)
					for i, v := range allLogits(t, m, f.Tokens, 9) {
						if math.Float32bits(v) != math.Float32bits(want[i]) {
							t.Fatalf("logit %d is %v, want %v", i, v, want[i])
						}
					}
					if m.budget != nil && m.budget.Peak() > m.Plan.managed() {
						t.Errorf("%d bytes used of %d", m.budget.Peak(), m.Plan.managed())
					}
				})
			}
		}
	}
}

// expertRows notes which rows of experts' matrices products are made with.
type expertRows struct {
	stream.Matrix
	note func(a, b, vectors int)
}

func (w expertRows) RowsDot(ctx context.Context, y, x []float32, a, b int) (stream.Stats, error) {
	w.note(a, b, len(x)/w.Cols())
	return w.Matrix.RowsDot(ctx, y, x, a, b)
}

// TestExpertsReadOnce: in a chunk the matrices of every expert that some token gets are used once, with
// all of those tokens, and no others.
func TestExpertsReadOnce(t *testing.T) {
	for _, f := range mixtures(t) {
		c := f.config
		if c.Experts.Beside { // which see more than what the feed-forward layer does
			continue
		}
		m := openModel(t, f.dir, Options{Context: f.Context})
		for l := range c.Layers {
			if !c.HasFFN(l) {
				continue
			}
			used := map[string]map[int]int{} // by matrix and first row, the vectors
			trace := &Trace{Matrix: func(name string, w stream.Matrix) stream.Matrix {
				if !strings.Contains(name, ".experts.") {
					return w
				}
				used[name] = map[int]int{}
				return expertRows{w, func(a, b, vectors int) {
					if used[name][a] != 0 {
						t.Errorf("%s: rows %d to %d of %s are used twice", f.name, a, b, name)
					}
					used[name][a] = vectors
				}}
			}}
			if _, err := m.FFN(t.Context(), l, embedded(t, m, f.Tokens[:10]), trace); err != nil {
				t.Fatal(err)
			}
			if len(used) == 0 == c.HasExperts(l) {
				t.Errorf("%s: layer %d uses %d matrices of experts", f.name, l, len(used))
			}
			for name, rows := range used {
				vectors, parts := 0, 1
				if strings.HasSuffix(name, "gate_up_proj") {
					parts = 2
				}
				for _, n := range rows {
					vectors += n
				}
				if vectors != 10*parts*c.Experts.PerToken || len(rows) > parts*c.Experts.Count {
					t.Errorf("%s: %s: %d vectors to %d experts, of 10 tokens", f.name, name, vectors, len(rows))
				}
			}
		}
	}
}

// TestFusedExperts: gates and up projections in one tensor, as transformers 5 has them in memory,
// make the same model.
func TestFusedExperts(t *testing.T) {
	for _, f := range mixtures(t) {
		c, tensors := f.config, readWeights(t, f.config, f.dir).tensors
		_, fused := tensors[arch.LayerName(c.Layers-1, "mlp.experts.gate_up_proj")]
		if f.Weights != f.name || fused || c.Experts.Biases || c.Experts.Beside || c.PlainFFN { // which has them so, or never
			continue
		}
		want := allLogits(t, openModel(t, f.dir, Options{Context: f.Context}), f.Tokens, len(f.Tokens))
		for l := range c.Layers {
			if !c.HasExperts(l) {
				continue
			}
			name := func(part string) string { return arch.LayerName(l, "mlp.experts."+part) }
			gate, up := tensors[name("gate_proj.weight")], tensors[name("up_proj.weight")]
			both := made{shape: []int{c.Experts.Count, 2 * c.Experts.FFN, c.Hidden}}
			for e := range c.Experts.Count {
				n := c.Experts.FFN * c.Hidden
				both.data = slices.Concat(both.data, gate.data[e*n:][:n], up.data[e*n:][:n])
			}
			tensors[name("gate_up_proj")], tensors[name("down_proj")] = both, tensors[name("down_proj.weight")]
			for _, part := range []string{"gate_proj.weight", "up_proj.weight", "down_proj.weight"} {
				delete(tensors, name(part))
			}
		}
		dir := t.TempDir()
		copyFile(t, filepath.Join(f.dir, "config.json"), filepath.Join(dir, "config.json"))
		writeSafetensors(t, filepath.Join(dir, "model.safetensors"), tensors)
		converted := filepath.Join(t.TempDir(), "model")
		convertTo(t, dir, converted, "method=lossless")
		for _, d := range []string{dir, converted} {
			if got := allLogits(t, openModel(t, d, Options{Context: f.Context}), f.Tokens, len(f.Tokens)); !slices.Equal(got, want) {
				t.Errorf("%s: other logits", f.name)
			}
		}
	}
}

// TestExpertsPlanned: a token streams the share of the experts' files that it uses, and what every
// token uses is held first.
func TestExpertsPlanned(t *testing.T) {
	f := openFixture(t, "qwen3_moe")
	dir := filepath.Join(t.TempDir(), "model")
	convertTo(t, f.dir, dir)
	free, err := PlanFor(t.Context(), dir, Options{Context: f.Context})
	if err != nil {
		t.Fatal(err)
	}
	least, err := PlanFor(t.Context(), dir, Options{Context: f.Context, Memory: free.Minimum + 16<<20}) // what Go holds differs from call to call
	if err != nil {
		t.Fatal(err)
	}
	if free.Streamed != 0 || least.Total() > least.Limit {
		t.Errorf("%d bytes streamed without a limit; %d of %d planned", free.Streamed, least.Total(), least.Limit)
	}
	layouts := []stream.Layout{{Rows: 10, Cols: 10, ResidentBytes: 100, Used: 0.25}, {Rows: 5, Cols: 10, ResidentBytes: 50}}
	r, err := stream.PlanResidency(120, 1, layouts)
	if err != nil || !slices.Equal(r.Resident, []bool{false, true}) {
		t.Errorf("%v, %v: what is used most is not held", r.Resident, err)
	}
	if got := streamed(&stream.Layout{FileBytes: 1001, Used: 0.25}, false, false); got != 251 {
		t.Errorf("a token reads %d bytes of 1001 of which it uses a quarter", got)
	}
}

// TestPredictsAhead: a layer behind the model's own that predicts several tokens at once is left out, and
// a note says so.
func TestPredictsAhead(t *testing.T) {
	f := openFixture(t, "glm4_moe")
	want := allLogits(t, openModel(t, f.dir, Options{Context: f.Context}), f.Tokens, len(f.Tokens))
	tensors := readWeights(t, f.config, f.dir).tensors
	for _, part := range []string{"eh_proj.weight", "input_layernorm.weight"} {
		tensors[arch.LayerName(2, part)] = made{shape: []int{2}, data: []float32{1, 2}}
	}
	dir := t.TempDir()
	copyFile(t, filepath.Join(f.dir, "config.json"), filepath.Join(dir, "config.json"))
	writeSafetensors(t, filepath.Join(dir, "model.safetensors"), tensors)
	m := openModel(t, dir, Options{Context: f.Context})
	if got := allLogits(t, m, f.Tokens, len(f.Tokens)); !slices.Equal(got, want) {
		t.Error("other logits")
	}
	if len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "predicts several tokens") {
		t.Errorf("%q", m.Notes)
	}
}
