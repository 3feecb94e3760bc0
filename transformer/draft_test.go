package transformer

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
)

// TestPlanDraft: a draft is in memory whole, within the same limit, which is refused where it has no room for both.
func TestPlanDraft(t *testing.T) {
	dir := convertDemo(t)
	beside := filepath.Join(t.TempDir(), "checkpoint") // of weights that are dense
	if err := demo.Extract(beside); err != nil {
		t.Fatal(err)
	}
	for _, draft := range []string{dir, beside} {
		// A long context, so that the draft takes far more than what Go holds differs by, from one plan to the next.
		o := Options{Context: 8000, Threads: 2, Sequences: 2}
		alone, err := planWith(t, dir, o, 0)
		if err != nil {
			t.Fatal(err)
		}
		o.Draft = located(t, draft)
		free, err := PlanFor(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		d := free.Draft
		if free.Draft == nil || d.Streamed > 0 || d.Context != o.Context || d.Chunk != leastChunk || slices.ContainsFunc(d.Matrices, func(p Placement) bool { return !p.Resident }) {
			t.Fatalf("the draft's plan: %+v", d)
		}
		if more := free.Minimum - alone.Minimum; more < d.Total()*3/4 || more > d.Total()*5/4 {
			t.Errorf("a draft of %d bytes raises the smallest limit by %d", d.Total(), more)
		}
		if sums := free.Totals(); sums["draft"] != d.Total() || free.Total() < alone.Total()+d.Total()*3/4 {
			t.Errorf("%d bytes in all, %d of them the draft's; %d without", free.Total(), sums["draft"], alone.Total())
		}
		o.Memory = alone.Minimum + d.Total()/2
		if _, err := Open(t.Context(), dir, o); !errors.Is(err, ErrMemory) {
			t.Errorf("%d bytes, of which the draft takes %d: %v", o.Memory, d.Total(), err)
		}
		o.Memory = free.Minimum + d.Total()/4
		testDraft(t, dir, draft, o)
	}
}

// testDraft opens a model with a draft, which computes what it does alone.
func testDraft(t *testing.T, dir, draft string, o Options) {
	t.Helper()
	m, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Plan.Total() > o.Memory {
		t.Errorf("%d bytes within %d", m.Plan.Total(), o.Memory)
	}
	alone, err := Open(t.Context(), draft, Options{Context: o.Context})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	logits := func(m *Model) (all []float32) {
		err := m.Logits(t.Context(), []int{1, 80, 429, 17}, func(_ int, logits []float32) error {
			all = append(all, logits...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if !slices.Equal(logits(m.Draft), logits(alone)) {
		t.Error("the draft's logits are not those that it has alone")
	}
	for range o.Sequences { // of both, within the limit
		for _, of := range []*Model{m, m.Draft} {
			s, err := of.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := m.Draft.NewSession(); !errors.Is(err, ErrSession) {
		t.Errorf("the draft after its model was closed: %v", err)
	}
}
