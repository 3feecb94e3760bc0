package compare

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

func create(t *testing.T, entries ...safetensors.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := safetensors.Create(path, entries, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func wave(n int, phase float64) []float32 {
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(math.Sin(float64(i)*0.7 + phase))
	}
	return w
}

func TestModels(t *testing.T) {
	changed := wave(200_000, 0)
	changed[150_000] += 0.5
	worse := wave(600, 0)
	for i := range worse {
		worse[i] *= 1.1
	}
	nan := wave(6, 0)
	nan[3] = float32(math.NaN())
	a := create(t, safetensors.Float32("same", []int{2, 3}, wave(6, 0)), safetensors.Float32("shaped", []int{2, 3}, wave(6, 0)),
		safetensors.Float32("slightly", []int{400, 500}, wave(200_000, 0)), safetensors.Float32("worse", []int{600}, wave(600, 0)),
		safetensors.Float32("gone", []int{1}, wave(1, 0)), safetensors.Float32("nan", []int{6}, wave(6, 0)), safetensors.Float32("both nan", []int{6}, nan))
	b := create(t, safetensors.Float32("same", []int{2, 3}, wave(6, 0)), safetensors.Float32("shaped", []int{3, 2}, wave(6, 0)),
		safetensors.Float32("slightly", []int{400, 500}, changed), safetensors.Float32("worse", []int{600}, worse),
		safetensors.Float32("new", []int{1}, wave(1, 0)), safetensors.Float32("nan", []int{6}, nan), safetensors.Float32("both nan", []int{6}, nan))
	r, err := Models(t.Context(), a, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name   string
		status Status
	}{
		{"gone", OnlyA}, {"new", OnlyB}, {"shaped", Reshaped}, {"worse", Differs}, {"slightly", Differs}, {"nan", Differs}, {"both nan", Identical}, {"same", Identical},
	}
	if r.Identical || len(r.Tensors) != len(want) {
		t.Fatalf("%+v", r)
	}
	for i, w := range want {
		if got := r.Tensors[i]; got.Name != w.name || got.Status != w.status {
			t.Errorf("place %d: %s %s, want %s %s", i, got.Name, got.Status, w.name, w.status)
		}
	}
	if d := r.Tensors[3]; math.Abs(*d.SNRdB-20) > 0.01 || math.Abs(d.Cosine-1) > 1e-6 || d.Different == 0 {
		t.Errorf("a tenth more everywhere is 20 dB: %+v", d)
	}
	if d := r.Tensors[4]; d.Different != 1 || math.Abs(d.MaxAbsError-0.5) > 1e-6 || math.Abs(d.MSE-0.25/200_000) > 1e-9 {
		t.Errorf("one weight by 0.5: %+v", d)
	}
}

// TestConverted compares a model directory with its source: what convert reported.
func TestConverted(t *testing.T) {
	a := create(t, safetensors.Float32("w", []int{300, 200}, wave(60_000, 1)), safetensors.Float32("norm", []int{7}, wave(7, 1)))
	out := filepath.Join(t.TempDir(), "model")
	report, err := convert.Directory(t.Context(), convert.Job{Source: a, Output: out, Options: convert.Options{Method: convert.Entropy}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Models(t.Context(), a, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d, m := r.Tensors[0], report.Tensors[1].Matrix; d.Name != "w" || math.Abs(*d.SNRdB-*m.SNRdB) > 1e-6 || math.Abs(d.MaxAbsError-m.MaxAbsError) > 1e-9 {
		t.Errorf("%+v, convert says %+v", d, m)
	}
	if d := r.Tensors[1]; d.Status != Identical {
		t.Errorf("%+v", d)
	}
	if _, err := Models(t.Context(), a, filepath.Join(t.TempDir(), "absent"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Models(ctx, a, out, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
