package convert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/model"
)

// TestForgedLattice: of a manifest that was changed and given its root again Verify finds what the files contradict, and
// Rebuild all else.
func TestForgedLattice(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates, and converts a whole model")
	}
	src, statistics := halfCheckpoint(t), halfStatistics(t)
	dir, again := filepath.Join(t.TempDir(), "out"), Job{Source: src, Calibration: Calibration{Statistics: statistics}}
	convertAll(t, Job{Source: src, Output: dir, Calibration: again.Calibration, Allocate: EqualRate})
	const matrix = "model.layers.1.mlp.up_proj.weight"
	for _, forged := range []struct {
		change           func(*model.Manifest, *model.Tensor)
		verify, rebuilds string
	}{
		{func(*model.Manifest, *model.Tensor) {}, "", ""},
		{func(_ *model.Manifest, w *model.Tensor) { w.Fidelity.BitsInMemory = 3 }, matrix, model.ManifestName},
		{func(_ *model.Manifest, w *model.Tensor) { *w.Fidelity.SNRdB = 60 }, "", model.ManifestName},
		{func(_ *model.Manifest, w *model.Tensor) { w.SourceDType = "F16" }, "", model.ManifestName},
		{func(m *model.Manifest, _ *model.Tensor) { m.Files = []model.File{} }, "config.json", model.ManifestName},
	} {
		at := filepath.Join(t.TempDir(), "forged")
		if err := os.CopyFS(at, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(at, model.ManifestName))
		if err != nil {
			t.Fatal(err)
		}
		m := &model.Manifest{}
		if err := json.Unmarshal(text, m); err != nil {
			t.Fatal(err)
		}
		w := m.Tensors[matrix]
		forged.change(m, &w)
		m.Tensors[matrix] = w
		m.RootSHA256 = m.Root()
		if err := m.Write(at); err != nil {
			t.Fatal(err)
		}
		open, err := model.OpenUnverified(at)
		if err != nil {
			t.Fatal(err)
		}
		checks, err := open.Verify(t.Context(), 1)
		if got := failures(checks); err != nil || (forged.verify == "") != (len(got) == 0) || forged.verify != "" && !slices.Contains(got, forged.verify) {
			t.Errorf("verify finds %v, %v; wanted %q", got, err, forged.verify)
		}
		checks, err = Rebuild(t.Context(), at, again)
		if got := failures(checks); err != nil || (forged.rebuilds == "") != (len(got) == 0) || forged.rebuilds != "" && !slices.Contains(got, forged.rebuilds) {
			t.Errorf("rebuild finds %v, %v; wanted %q", got, err, forged.rebuilds)
		}
	}
}
