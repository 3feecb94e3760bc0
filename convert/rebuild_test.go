package convert

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// failures returns the names of the checks that failed.
func failures(checks []model.Check) (names []string) {
	for _, c := range checks {
		if c.Err != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestRebuild(t *testing.T) {
	src := small(t, 1)
	for _, job := range []Job{
		{},
		{Options: Options{Bits: 4, Codec: "brotli", MinSNR: 15}, Embeddings: settings(t, "snr=45,codec=huff0"), Overrides: []Override{override(t, "^a=exact")}},
		{Size: 40_000, Allocate: LeastError},
		{Size: 33_000, Allocate: EqualRate},
		{Options: Options{Method: "kmeans", Entries: 100, BlockRows: 21, FullPrecision: true, NoSidecar: true}},
	} {
		job.Source, job.Output = src, filepath.Join(t.TempDir(), "out")
		convertAll(t, job)
		checks, err := Rebuild(t.Context(), job.Output, Job{Source: src, Memory: 100 << 20})
		if err != nil || len(failures(checks)) > 0 {
			t.Errorf("%+v: %v, %v", job.Options, failures(checks), err)
		}
		if last := checks[len(checks)-1]; last.Name != model.ManifestName {
			t.Errorf("the root was not compared: %+v", last)
		}
	}
}

// TestRebuildFindsWhatDiffers: another weight, another source altogether, and files
// that were exchanged afterwards.
func TestRebuildFindsWhatDiffers(t *testing.T) {
	src, out := small(t, 1), filepath.Join(t.TempDir(), "out")
	convertAll(t, Job{Source: src, Output: out})

	path := filepath.Join(src, "model.safetensors")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-3] ^= 1 // in d.weight, the last
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	checks, err := Rebuild(t.Context(), out, Job{Source: src})
	if got := strings.Join(failures(checks), " "); err != nil || got != "d.weight" {
		t.Errorf("one bit of d.weight: %s, %v", got, err)
	}

	checks, err = Rebuild(t.Context(), out, Job{Source: small(t, 50)})
	if err != nil || len(failures(checks)) != 6 {
		t.Errorf("another source: %v, %v; want all six tensors", failures(checks), err)
	}

	write(t, filepath.Join(src, "config.json"), "{ }")
	checks, err = Rebuild(t.Context(), out, Job{Source: src})
	if got := strings.Join(failures(checks), " "); err != nil || got != "d.weight config.json" {
		t.Errorf("another config.json: %s, %v", got, err)
	}

	other := filepath.Join(t.TempDir(), "m.safetensors")
	create(t, other, matrixEntry("a.weight", 210, 64, 2), matrixEntry("extra", 10, 10, 1))
	checks, err = Rebuild(t.Context(), out, Job{Source: other})
	if got := strings.Join(failures(checks), " "); err != nil || !strings.Contains(got, "extra") || !strings.Contains(got, "d.weight") {
		t.Errorf("more and fewer tensors: %s, %v", got, err)
	}
	if _, err := Rebuild(t.Context(), t.TempDir(), Job{Source: src}); err == nil {
		t.Error("a directory without a manifest was rebuilt")
	}
	text, err := os.ReadFile(filepath.Join(out, model.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(out, model.ManifestName), strings.Replace(string(text), `"options"`, `"without"`, 1))
	if _, err := Rebuild(t.Context(), out, Job{Source: src}); !errors.Is(err, model.ErrManifest) {
		t.Errorf("a manifest without options: %v", err)
	}
}

// TestEntropy: what is measured lies in the manifest, whatever else is asked for, and
// is rebuilt.
func TestEntropy(t *testing.T) {
	src, out := small(t, 1), filepath.Join(t.TempDir(), "out")
	convertAll(t, Job{Source: src, Output: out, Entropy: true, Overrides: []Override{override(t, "^a=exact")}})
	m, err := model.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	for name, tensor := range m.Manifest.Tensors {
		if e := tensor.Entropy; name == "norm.weight" && e != nil || name != "norm.weight" && (e == nil || e.Se <= 0 || e.Rows < 200 || e.Decision.Zone == 0) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	machine := route.Registry{{Backend: route.CPU, Available: true}}
	total := 0
	for _, n := range m.Manifest.Routes(machine) {
		total += n
	}
	if total != 5 {
		t.Errorf("%v", m.Manifest.Routes(machine))
	}
	if checks, err := Rebuild(t.Context(), out, Job{Source: src}); err != nil || len(failures(checks)) > 0 {
		t.Errorf("%v, %v", failures(checks), err)
	}
}
