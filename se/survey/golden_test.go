package survey_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/se/route"
	"github.com/helix-substrate/helix-substrate/se/survey"
)

// TestGolden: of the golden matrices Measure says what the original says, also of what has
// three dimensions or no weights.
func TestGolden(t *testing.T) {
	const golden = "../../../shared/golden"
	text, err := os.ReadFile(filepath.Join(golden, "index.json"))
	if err != nil {
		t.Skip("no golden files: ", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	cases := 0
	for name, entry := range all {
		if !strings.HasPrefix(name, "se/") {
			continue
		}
		cases++
		var want struct {
			File   string
			Result struct {
				Se, H, U, D float64
				Hint        route.Backend `json:"routing_hint"`
				Zone        int           `json:"routing_zone"`
				MB          float64       `json:"size_mb"`
			}
		}
		if err := json.Unmarshal(entry, &want); err != nil {
			t.Fatal(err)
		}
		o := survey.DefaultOptions()
		o.Estimator = "original"
		got, err := survey.Measure(t.Context(), filepath.Join(golden, want.File), o)
		if err != nil || len(got.Tensors) != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		m, w := got.Tensors[0].Measured, want.Result
		for i, pair := range [][2]float64{{m.Se, w.Se}, {m.H, w.H}, {m.U, w.U}, {m.D, w.D}, {m.Bytes / 1e6, w.MB}} {
			if !(math.Abs(pair[0]-pair[1]) <= 1e-5) {
				t.Errorf("%s: number %d of Se, H, U, D, size is %v, want %v", name, i, pair[0], pair[1])
			}
		}
		if d := got.Tensors[0].Decision; d.Wanted != w.Hint || d.Zone != w.Zone {
			t.Errorf("%s: %s, zone %d; want %s, %d", name, d.Wanted, d.Zone, w.Hint, w.Zone)
		}
	}
	if cases != 16 {
		t.Errorf("%d cases, want 16", cases)
	}
}
