package transformer

import (
	"fmt"
	"math"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/latticetest"
	"github.com/helix-substrate/helix-substrate/stream"
)

// TestLatticeModel runs the demo model with lattice matrices, resident, streamed and in between: the logits have the same
// bits, and are near the source's.
func TestLatticeModel(t *testing.T) {
	src, dir := losslessDemo(t)
	ids := []int{1, 80, 429, 17, 256, 33, 90, 4, 8, 100}
	source := allLogits(t, openModel(t, src, Options{Context: 64}), ids, len(ids))
	latticetest.Convert(t, dir, 1.0/30) // a few integers are escapes
	m := openModel(t, dir, Options{Context: 64})
	plan, want := m.Plan, allLogits(t, m, ids, len(ids))
	for name, w := range m.matrices {
		if l, ok := w.(*stream.Lattice); !ok {
			t.Errorf("%s is a %T", name, w)
		} else if l.Describe().Format != stream.FormatLattice || l.Describe().Exact {
			t.Errorf("%s: %+v", name, l.Describe())
		}
	}
	if worst := largestError(t, want, source); worst > 0.05 {
		t.Errorf("logits differ by %.2g of the largest", worst)
	}
	if plan.Streamed != 0 {
		t.Errorf("without a limit %d bytes are streamed", plan.Streamed)
	}
	for _, o := range []Options{{Threads: 1, CPU: "generic"}, {Memory: plan.Minimum}, {Memory: plan.Minimum + plan.Resident/2, Threads: 3}, {Threads: 2, Chunk: 3}, {Memory: plan.Minimum, Chunk: 1}} {
		o.Context = 64
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) { // a model is closed before the next is planned
			open := openModel
			if o.Memory == plan.Minimum {
				open = openStreamed
			}
			m := open(t, dir, o)
			for i, v := range allLogits(t, m, ids, len(ids)) {
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
