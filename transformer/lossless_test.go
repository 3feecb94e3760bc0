package transformer

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/demo"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
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
	for _, co := range []convert.Options{{}, {BlockRows: 20, Codec: "huff0"}, {Codec: "none"}} {
		co.Method = convert.Lossless
		dir := filepath.Join(t.TempDir(), "model")
		if _, err := convert.Directory(t.Context(), convert.Job{Source: src, Output: dir, Options: co}); err != nil {
			t.Fatal(err)
		}
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
					t.Fatalf("%+v, %+v: logit %d is %v, want %v", co, o, i, got[i], want[i])
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
		if _, err := convert.Directory(t.Context(), convert.Job{Source: f.dir, Output: dir, Options: convert.Options{Method: convert.Lossless}}); err != nil {
			t.Fatal(err)
		}
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

// TestLosslessReceipts says how exact weights were multiplied.
func TestLosslessReceipts(t *testing.T) {
	f := openFixture(t, "llama")
	dir := filepath.Join(t.TempDir(), "model")
	if _, err := convert.Directory(t.Context(), convert.Job{Source: f.dir, Output: dir, Options: convert.Options{Method: convert.Lossless}}); err != nil {
		t.Fatal(err)
	}
	streamed := openStreamed(t, dir, Options{Context: f.Context})
	_, r, err := streamed.FFN(t.Context(), 0, embedded(t, streamed, []int{1}))
	if err != nil {
		t.Fatal(err)
	}
	p := r.Projections[0]
	if p.CodecVersion != model.FormatLossless || p.StreamingMode != receipt.BlockStreaming || len(p.BlocksTouched) == 0 {
		t.Errorf("%+v", p)
	}
}
