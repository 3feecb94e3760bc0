package convert

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestCorrectDrift: files of the same sizes diverge less from the source, their bytes depend on neither threads nor memory,
// and they are made again from the source.
func TestCorrectDrift(t *testing.T) {
	if testing.Short() {
		t.Skip("converts whole models")
	}
	src, statistics, dir := halfCheckpoint(t), halfStatistics(t), t.TempDir()
	job := Job{
		Source: src, Output: filepath.Join(dir, "off"), ModelID: "m", Options: Options{Bits: 3}, Allocate: EqualRate, Embeddings: settings(t, "exact"),
		Calibration: Calibration{Statistics: statistics},
	}
	off := convertAll(t, job)
	job.Output, job.CorrectDrift = filepath.Join(dir, "on"), true
	on := convertAll(t, job)
	if math.Abs(on.BitsPerWeight-off.BitsPerWeight) > 0.01 {
		t.Errorf("%.3f bits a weight, %.3f without", on.BitsPerWeight, off.BitsPerWeight)
	}
	at, err := checkpoint.Find(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := calibrate.NewReference(t.Context(), at, heldOut(t, statistics), calibrate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	divergence := func(path string) float64 {
		at, err := checkpoint.Find(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := reference.Divergence(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		return d.MeanKLD
	}
	if with, without := divergence(job.Output), divergence(filepath.Join(dir, "off")); with > 0.85*without {
		t.Errorf("divergence %v, %v without", with, without)
	}
	m, err := model.Open(job.Output)
	if err != nil {
		t.Fatal(err)
	}
	if m.Manifest.Options["correct_drift"] != true {
		t.Errorf("the manifest says %v", m.Manifest.Options)
	}
	for i, other := range []Job{{Memory: 100 << 20, Options: Options{Bits: 3, Threads: 1}}, {Options: Options{Bits: 3, Threads: 3}}} {
		again := job
		again.Output, again.Memory, again.Options = filepath.Join(dir, "again"+string(rune('0'+i))), other.Memory, other.Options
		if r := convertAll(t, again); r.Root != on.Root {
			t.Errorf("%d: root %s, not %s", i, r.Root, on.Root)
		}
	}
	checks, err := Rebuild(t.Context(), job.Output, Job{Source: src, Calibration: Calibration{Statistics: statistics}})
	if err != nil || len(failures(checks)) > 0 {
		t.Errorf("made again: %v, %v", failures(checks), err)
	}
}

// TestCorrectDriftSettings: layers may have codebooks, exact matrices and matrices without loss among those that are corrected.
func TestCorrectDriftSettings(t *testing.T) {
	if testing.Short() {
		t.Skip("converts whole models")
	}
	src, statistics := demoCheckpoint(t), filepath.Join(t.TempDir(), "statistics")
	job := Job{
		Source: src, Output: filepath.Join(t.TempDir(), "out"), Embeddings: settings(t, "method=kmeans,entries=16"), CorrectDrift: true, Allocate: EqualRate,
		Overrides: []Override{
			override(t, `\.0\.mlp=bits=3`), override(t, `\.1\.mlp=method=kmeans,entries=16`), override(t, `\.2\.mlp=method=lossless`), override(t, `\.2\.self_attn\.k=exact`),
		},
		Calibration: Calibration{Tokens: few, Statistics: statistics},
	}
	convertAll(t, job)
	checks, err := Rebuild(t.Context(), job.Output, Job{Source: src, Calibration: Calibration{Statistics: statistics}})
	if err != nil || len(failures(checks)) > 0 {
		t.Errorf("%v, %v", failures(checks), err)
	}
	// What is before a matrix changes it, what is behind it does not.
	sums := func(path string) map[string]string {
		m, err := model.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		list := map[string]string{}
		for _, e := range m.Tensors() {
			list[e.Name] = e.SHA256
		}
		return list
	}
	other := job
	other.Output, other.Overrides = filepath.Join(t.TempDir(), "out"), append(other.Overrides, override(t, `\.1\.mlp\.up=entries=17`))
	convertAll(t, other)
	a, b := sums(job.Output), sums(other.Output)
	for name := range a {
		changes := strings.Contains(name, "layers.1.mlp.up") || strings.Contains(name, "layers.2.self_attn") && !strings.Contains(name, "k_proj") || strings.Contains(name, "layers.3")
		if changes = changes && !strings.Contains(name, "norm"); changes != (a[name] != b[name]) {
			t.Errorf("%s changes: %v", name, a[name] != b[name])
		}
	}
}

// TestCorrectDriftResumed: what ends in the middle goes on there, with rates that were decided before.
func TestCorrectDriftResumed(t *testing.T) {
	if testing.Short() {
		t.Skip("converts whole models")
	}
	dir := t.TempDir()
	job := Job{
		Source: halfCheckpoint(t), Output: filepath.Join(dir, "whole"), ModelID: "m", Options: Options{Bits: 3, Threads: 1}, CorrectDrift: true,
		Calibration: Calibration{Statistics: halfStatistics(t)},
	}
	whole := convertAll(t, job)
	job.Output = filepath.Join(dir, "out")
	ctx, stop := context.WithCancel(t.Context())
	job.Progress = func(_, _ int64, what string) {
		if what == "model.layers.1.self_attn.o_proj.weight" { // the first is of equal rates
			stop()
		}
	}
	if _, err := Directory(ctx, job); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	var told []string
	job.Progress = func(_, _ int64, what string) { told = append(told, what) }
	if r := convertAll(t, job); r.Root != whole.Root {
		t.Errorf("root %s after an end in the middle, %s without", r.Root, whole.Root)
	}
	first := ""
	for _, what := range told {
		if strings.HasPrefix(what, "equal rates") || strings.HasPrefix(what, "trying") {
			t.Fatalf("rates are decided anew: %s", what)
		}
		if first == "" && strings.HasPrefix(what, "correcting drift") {
			first = what
		}
	}
	if first != "correcting drift, layer 2 of 2" {
		t.Errorf("it goes on with %q", first)
	}
	onlyIn(t, dir, "out", "whole")
}

// TestCorrectDriftRefused: where nothing can be corrected a line says so, before anything takes time.
func TestCorrectDriftRefused(t *testing.T) {
	for _, bad := range []Job{
		{CorrectDrift: true, Calibration: Calibration{Off: true}}, {CorrectDrift: true, Options: Options{Method: Entropy}}, {CorrectDrift: true, Options: Options{SNR: 30}},
	} {
		if err := bad.Check(); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), "correct-drift") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	dir := t.TempDir()
	if _, err := Directory(t.Context(), Job{Source: small(t, 1), Output: filepath.Join(dir, "out"), CorrectDrift: true}); !errors.Is(err, arch.ErrArchitecture) {
		t.Errorf("no model: %v", err)
	}
	job := Job{Source: demoCheckpoint(t), Output: filepath.Join(dir, "out"), CorrectDrift: true, Options: Options{Threads: 1}}
	job.Calibration.Progress = func(CalibrationProgress) { t.Error("it is calibrated") }
	for job.Memory = 16 << 20; job.Memory < 1<<30; job.Memory += 1 << 20 {
		_, err := Plan(t.Context(), job)
		if err == nil {
			t.Fatal("nothing is said of the drift's memory")
		}
		if !errors.Is(err, ErrMemory) {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), "to correct drift") {
			break
		}
	}
	nothingIn(t, dir)
}

// TestCorrectionOfParts: of an input that is not added to the residual stream, weights of a part make up for what that part
// has lost.
func TestCorrectionOfParts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 277 MB")
	}
	const n = 8200
	parts := lattice.Parts(n)
	second := parts[1]
	lost := make([]float64, lattice.SquareLen(n))
	lost[3*parts[0].Len()+5] = 2                   // of inputs 3 and 5
	lost[parts[0].Square()+7*second.Len()+1] = 0.5 // of the second part's 7 and 1
	k := &correction{drift: &calibrate.Drift{Input: &transformer.Input{Len: n}, Lost: lost}}
	weights := gaussian(2*n, 5)
	w, err := matrix.NewSlice(weights, 2, n)
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.apply(t.Context(), w, 2)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]float32, 2*n)
	if err := got.ReadRows(t.Context(), rows, 0, 2); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(weights)
	for r := 0; r < 2*n; r += n {
		want[r+5] = float32(float64(want[r+5]) + 2*float64(weights[r+3]))
		want[r+second.Start+1] = float32(float64(want[r+second.Start+1]) + 0.5*float64(weights[r+second.Start+7]))
	}
	if !slices.Equal(rows, want) {
		t.Error("other weights")
	}
}
