package transformer

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// TestLosslessHasTheLogitsOfTheSource converts the demo model without loss and runs
// it resident, streamed and in between.
func TestLosslessHasTheLogitsOfTheSource(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	if err := demo.Extract(src); err != nil {
		t.Fatal(err)
	}
	ids := []int{1, 80, 429, 17, 256, 33, 90, 4, 8, 100}
	want := allLogits(t, openModel(t, src, Options{Context: 64}), ids, len(ids))
	for _, co := range [][]string{{"method=lossless"}, {"method=lossless", "block-rows=20", "codec=huff0"}, {"method=lossless", "codec=none"}} {
		dir := filepath.Join(t.TempDir(), "model")
		convertTo(t, src, dir, co...)
		plan := openModel(t, dir, Options{Context: 64}).Plan
		if plan.Streamed != 0 || plan.Resident < 3_600_000 { // 1.8 M weights in bfloat16
			t.Errorf("without a limit: %d bytes resident, %d streamed", plan.Resident, plan.Streamed)
		}
		for _, o := range []Options{{}, {Memory: plan.Minimum}, {Memory: plan.Minimum + 4<<20, Threads: 3}, {Threads: 1, CPU: "generic", Chunk: 3}} {
			o.Context = 64
			open := openModel
			if o.Memory == plan.Minimum {
				open = openStreamed
			}
			m := open(t, dir, o)
			got := allLogits(t, m, ids, len(ids))
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%v, %+v: logit %d is %v, want %v", co, o, i, got[i], want[i])
				}
			}
			if m.budget != nil && m.budget.Peak() > m.Plan.managed() {
				t.Errorf("%d bytes used of %d", m.budget.Peak(), m.Plan.managed())
			}
		}
	}
}

// TestLosslessFixtures goes through all families, with F32 weights.
func TestLosslessFixtures(t *testing.T) {
	for _, name := range []string{"llama", "gemma2", "phi3", "qwen3"} {
		f := openFixture(t, name)
		dir := filepath.Join(t.TempDir(), "model")
		convertTo(t, f.dir, dir, "method=lossless")
		want := allLogits(t, openModel(t, f.dir, Options{Context: f.Context}), f.Tokens, len(f.Tokens))
		m := openModel(t, dir, Options{Context: f.Context})
		got := allLogits(t, m, f.Tokens, len(f.Tokens))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: other logits", name)
		}
		for name, w := range m.matrices {
			if _, ok := w.(*stream.Lossless); !ok {
				t.Errorf("%s is a %T", name, w)
			}
		}
	}
}

// TestLosslessTrace says how exact weights were multiplied.
func TestLosslessTrace(t *testing.T) {
	f := openFixture(t, "llama")
	dir := filepath.Join(t.TempDir(), "model")
	convertTo(t, f.dir, dir, "method=lossless")
	streamed := openStreamed(t, dir, Options{Context: f.Context})
	var told tracer
	if _, err := streamed.FFN(t.Context(), 0, embedded(t, streamed, []int{1}), told.trace()); err != nil {
		t.Fatal(err)
	}
	if s := told.products[0].stats; s.ResidentBytes != 0 || s.LastBlock == s.FirstBlock {
		t.Errorf("%+v", s)
	}
	if d := streamed.blocks[0].FFN.Gate.W.Describe(); d.Format != model.FormatLossless || !d.Exact || d.Verify != cdna.TrustCached {
		t.Errorf("%+v", d)
	}
}
