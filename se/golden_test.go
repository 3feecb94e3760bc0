package se

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// goldenDir holds what the original computed.
const goldenDir = "../../shared/golden"

// originalResult is a result as the original prints it.
type originalResult struct {
	Se         float64
	H          float64
	U          float64
	D          float64
	DRaw       float64 `json:"D_raw"`
	Structure  float64 `json:"C_struct"`
	Components struct {
		Energy    float64 `json:"energy_at_10pct"`
		Neighbour float64 `json:"neighbor_coherence"`
		Row       float64 `json:"row_coherence"`
		Rank      float64 `json:"rank_ratio"`
	} `json:"components"`
	Gates struct {
		Condition   float64 `json:"condition_number"`
		SufficientK bool    `json:"sufficient_k"`
		Sparsity    float64 `json:"sparsity_ratio"`
		Kind        string  `json:"sparsity_structure"`
	} `json:"gates"`
	Gate     *string       `json:"gate_override"`
	Hint     route.Backend `json:"routing_hint"`
	Zone     int           `json:"routing_zone"`
	MB       float64       `json:"size_mb"`
	Override bool          `json:"override_applied"`
}

// goldenMatrix reads a matrix of the golden files.
func goldenMatrix(t *testing.T, file string) (matrix.Slice, float64) {
	t.Helper()
	path := filepath.Join(goldenDir, file)
	r, err := npy.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := make([]float32, r.Len())
	if err := r.ReadFloat32(context.Background(), w, 0); err != nil {
		t.Fatal(err)
	}
	rows, cols := Unfold(r.Shape())
	s, err := matrix.NewSlice(w, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	return s, float64(r.Type().Size())
}

func TestGolden(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(goldenDir, "index.json"))
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
		t.Run(name, func(t *testing.T) {
			var want struct {
				File   string
				Result originalResult
				Forced originalResult `json:"result_vram0"`
			}
			if err := json.Unmarshal(entry, &want); err != nil {
				t.Fatal(err)
			}
			m, item := goldenMatrix(t, want.File)
			got, err := Compute(t.Context(), m, Options{Estimator: Original, ItemBytes: item})
			if err != nil {
				t.Fatal(err)
			}
			policy := route.DefaultPolicy()
			compareOriginal(t, got, policy.Decide(got), &want.Result)
			policy.VRAM, policy.Force = 0, route.QPU
			compareOriginal(t, got, policy.Decide(got), &want.Forced)
		})
	}
	if cases != 16 {
		t.Errorf("%d cases, want 16", cases)
	}
}

func compareOriginal(t *testing.T, got *route.Result, d route.Decision, want *originalResult) {
	t.Helper()
	for _, x := range []struct {
		name      string
		got, want float64
	}{
		{"Se", got.Se, want.Se},
		{"H", got.H, want.H},
		{"U", got.U, want.U},
		{"D", got.D, want.D},
		{"D_raw", got.RankRatio, want.DRaw},
		{"C_struct", got.Structure, want.Structure},
		{"energy_at_10pct", got.EnergyTop, want.Components.Energy},
		{"neighbor_coherence", 1 - got.U, want.Components.Neighbour},
		{"row_coherence", got.RowCoherence, want.Components.Row},
		{"rank_ratio", got.RankRatio, want.Components.Rank},
		{"sparsity_ratio", got.Sparsity, want.Gates.Sparsity},
		{"size_mb", got.Bytes / 1e6, want.MB},
	} {
		if !(math.Abs(x.got-x.want) <= 1e-5) {
			t.Errorf("%s %v, want %v", x.name, x.got, x.want)
		}
	}
	// A float32 decomposition knows its smallest singular value to about 1e-7 of the
	// largest, so the original's condition number to that times itself.
	tolerance := 1e-5 + 2e-7*want.Gates.Condition
	if tolerance > 1 && got.Condition < 1e6 || tolerance <= 1 && !(math.Abs(got.Condition/want.Gates.Condition-1) <= tolerance) &&
		got.Condition != want.Gates.Condition {
		t.Errorf("condition_number %v, want %v to %v", got.Condition, want.Gates.Condition, tolerance)
	}
	if got.SufficientK != want.Gates.SufficientK || got.SparsityKind != want.Gates.Kind {
		t.Errorf("sufficient_k %v, structure %q; want %v, %q", got.SufficientK, got.SparsityKind, want.Gates.SufficientK, want.Gates.Kind)
	}
	gate := string(route.RuleZone)
	if want.Gate != nil {
		gate = *want.Gate
	}
	if string(d.Rule) != gate || d.Wanted != want.Hint || d.Zone != want.Zone || d.Forced != want.Override {
		t.Errorf("decision %+v; want gate %q, hint %q, zone %d, forced %v", d, gate, want.Hint, want.Zone, want.Override)
	}
}
