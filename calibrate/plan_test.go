package calibrate

import (
	"errors"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestLimitOfOpening: where a model took more while it was opened than it will take, a limit must be as large as that, and
// the one that is named is enough for a run in which that is a little more.
func TestLimitOfOpening(t *testing.T) {
	l, err := transformer.OpenLayers(t.Context(), located(t, demoModel(t)), transformer.LayersOptions{Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const opening = 300 << 20
	limit := memory.Limit{Bytes: opening, Source: memory.Flag}
	defer limit.Begin()()
	if _, err := planMemory(l, limit, demand{since: opening}); err != nil {
		t.Errorf("as much as it took: %v", err)
	}
	_, err = planMemory(l, limit, demand{since: opening + 1})
	if !errors.Is(err, memory.ErrLimit) {
		t.Fatalf("less than it took: %v", err)
	}
	limit.Bytes = least(t, err)
	if _, err := planMemory(l, limit, demand{since: opening + opening/50}); err != nil {
		t.Errorf("2 %% more, within the limit that was named: %v", err)
	}
}
