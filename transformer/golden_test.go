package transformer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

const shared = "../../shared"

// needShared returns a path below ../shared, or skips.
func needShared(t testing.TB, path string) string {
	t.Helper()
	path = filepath.Join(shared, path)
	if _, err := os.Stat(path); err != nil {
		t.Skip("../shared is not beside the repository")
	}
	return path
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// openStreamed opens a model under a small limit and gives every matrix back that
// still has room there, so that all are streamed, but for routers, which are exact.
func openStreamed(t testing.TB, path string, o Options) *Model {
	t.Helper()
	o.Memory = 0
	p, err := PlanFor(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Memory = p.Minimum + 4<<20 // other models of the test are open
	m := openModel(t, path, o)
	for name, w := range m.matrices {
		if arch.RoleOf(name) == arch.Router {
			continue
		}
		if w, ok := w.(interface{ Unload() error }); !ok {
			t.Fatalf("%s is a %T", name, w)
		} else if err := w.Unload(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func openModel(t testing.TB, path string, o Options) *Model {
	t.Helper()
	m, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// allLogits runs ids through a new session, cut into calls of the given length.
func allLogits(t testing.TB, m *Model, ids []int, cut int) []float32 {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []float32
	for at := 0; at < len(ids); at += cut {
		part := ids[at:min(at+cut, len(ids))]
		err := s.Forward(context.Background(), part, 0, func(_ int, logits []float32) error {
			all = append(all, logits...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestGoldenLogits compares the dense model with logits computed in float64.
func TestGoldenLogits(t *testing.T) {
	dir := needShared(t, "golden/llama/tinystories-656k-bf16")
	var ids []int
	readJSON(t, filepath.Join(dir, "ids.json"), &ids)
	want, shape, err := npy.ReadFloat32(filepath.Join(dir, "logits.npy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tinystories-656k-bf16", "tinystories-656k"} {
		m := openModel(t, needShared(t, "models/"+name), Options{})
		got := allLogits(t, m, ids, len(ids))
		if len(got) != len(want) {
			t.Fatalf("%d logits, want %v", len(got), shape)
		}
		worst := 0.0
		for i := range got {
			worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
		}
		t.Logf("%s: largest difference %.2g", name, worst)
		if worst > 2e-4 {
			t.Errorf("%s: logits differ by %v, want at most 2e-4", name, worst)
		}
	}
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// greedy continues a prompt with the most likely tokens.
func greedy(t testing.TB, m *Model, prompt []int, n int) []int {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out []int
	ids := prompt
	for len(out) < n {
		err := s.Forward(context.Background(), ids, len(ids)-1, func(_ int, logits []float32) error {
			out = append(out, argmax(logits))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = out[len(out)-1:]
	}
	return out
}

func TestGoldenGreedy(t *testing.T) {
	dir := needShared(t, "golden/llama/tinystories-656k-bf16")
	var want struct {
		Prompt []int `json:"prompt_ids"`
		Greedy []int `json:"greedy_ids"`
	}
	readJSON(t, filepath.Join(dir, "summary.json"), &want)
	m := openModel(t, needShared(t, "models/tinystories-656k-bf16"), Options{})
	if got := greedy(t, m, want.Prompt, len(want.Greedy)); fmt.Sprint(got) != fmt.Sprint(want.Greedy) {
		t.Errorf("greedy continuation\n%v, want\n%v", got, want.Greedy)
	}
}

// TestSameBitsEverywhere runs a converted model with other limits, threads, chunks,
// kernels and calls.
func TestSameBitsEverywhere(t *testing.T) {
	src := needShared(t, "models/tinystories-656k-bf16")
	var ids []int
	readJSON(t, filepath.Join(needShared(t, "golden/llama/tinystories-656k-bf16"), "ids.json"), &ids)
	ids = ids[:70]
	for _, co := range few([][]string{{"block-rows=24"}, {"method=kmeans", "entries=16", "codec=huff0"}, {"bits=4.5", "codec=brotli"}}, 1) {
		dir := filepath.Join(t.TempDir(), "model")
		convertTo(t, src, dir, co...)
		for _, cache := range CacheTypes {
			want := allLogits(t, openModel(t, dir, Options{Threads: 1, CacheType: cache, CPU: "generic", Chunk: 1, Context: 128}), ids[:20], 20)
			base := openModel(t, dir, Options{CacheType: cache, Context: 128})
			plan := base.Plan
			for _, o := range []Options{
				{Context: 128}, {Threads: 3, Context: 100}, {Chunk: 7, Context: 128},
				{Memory: plan.Minimum, Context: 128}, {Memory: plan.Minimum + 4<<20, Threads: 2, Context: 128}, {Memory: 1 << 30, Context: 128},
			} {
				o.CacheType = cache
				open := openModel
				if o.Memory == plan.Minimum {
					open = openStreamed
				}
				m := open(t, dir, o)
				got := allLogits(t, m, ids[:20], 6)
				for i := range want {
					if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
						t.Fatalf("%v, %+v: logit %d is %v, want %v", co, o, i, got[i], want[i])
					}
				}
			}
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	src := needShared(t, "models/tinystories-656k-bf16")
	dir := filepath.Join(t.TempDir(), "model")
	convertTo(t, src, dir)
	roomy := openModel(t, dir, Options{Context: 64})
	if roomy.Plan.Streamed != 0 {
		t.Errorf("without a limit %d bytes are streamed", roomy.Plan.Streamed)
	}
	if _, err := Open(t.Context(), dir, Options{Context: 64, Memory: roomy.Plan.Minimum / 2}); !errors.Is(err, ErrMemory) { // pages of the program, which tests before this one have needed, are given back on opening
		t.Errorf("below the minimum: %v", err)
	}
	for limit := roomy.Plan.Minimum + 2<<20; limit < roomy.Plan.Minimum+4<<20; limit += 500 << 10 {
		m := openModel(t, dir, Options{Context: 64, Memory: limit})
		if m.Plan.Total() > limit {
			t.Errorf("limit %d: the plan takes %d", limit, m.Plan.Total())
		}
		allLogits(t, m, []int{1, 80, 429}, 3)
		if used := m.budget.Peak(); used > m.Plan.managed() {
			t.Errorf("limit %d: %d bytes used of %d", limit, used, m.Plan.managed())
		}
	}
}
