package calibrate_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/export"
	"github.com/helix-substrate/helix-substrate/storage"
)

// grams are a model's Σ by key, and the windows that they are of.
type grams struct {
	sigma   map[string][]float32
	tokens  [][]int
	tensors map[string][]string
	source  string
}

func calibrated(t *testing.T, at checkpoint.Location) grams {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	if err := calibrate.Run(t.Context(), at, path, calibrate.Options{Tokens: 1024, Context: 64}); err != nil {
		t.Fatal(err)
	}
	s, err := calibrate.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Text != text.SHA256 {
		t.Errorf("the text is %s, not the built-in one", s.Text)
	}
	if err := s.Check(t.Context(), at); err != nil {
		t.Error(err)
	}
	g := grams{map[string][]float32{}, nil, map[string][]string{}, s.Source}
	for _, in := range s.Inputs() {
		x := make([]float32, in.N*(in.N+1)/2)
		if err := s.Gram(t.Context(), x, in.Key); err != nil {
			t.Fatal(err)
		}
		g.sigma[in.Key], g.tensors[in.Key] = x, in.Tensors
	}
	if g.tokens, _, err = s.Tokens(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g
}

// elsewhere is somebody's own place with the files of a directory.
type elsewhere struct{ storage.Place }

func (e elsewhere) Path(name string) string { return "bucket://" + name }

// TestSources: a model's Σ are the same wherever it lies and whatever holds it, to the bit but
// where GGUF has another order within attention's heads.
func TestSources(t *testing.T) {
	if testing.Short() {
		t.Skip("calibrates four times")
	}
	dir := t.TempDir()
	model := filepath.Join(dir, "model")
	if err := demo.Extract(model); err != nil {
		t.Fatal(err)
	}
	find := func(path string) checkpoint.Location {
		t.Helper()
		at, err := checkpoint.Find(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	want := calibrated(t, find(model))
	compare := func(name string, got grams, tolerance float64) {
		t.Helper()
		if !slices.EqualFunc(got.tokens, want.tokens, slices.Equal[[]int]) {
			t.Fatalf("%s: other tokens", name)
		}
		worst := 0.0
		for key, x := range want.sigma {
			largest := slices.Max(x)
			for i, v := range x {
				worst = max(worst, math.Abs(float64(got.sigma[key][i]-v))/float64(largest))
			}
			if key == "layers.0.query" && !slices.Equal(got.sigma[key], x) {
				t.Errorf("%s: Σ of %s differs", name, key)
			}
		}
		if !(worst <= tolerance) || len(got.sigma) != len(want.sigma) {
			t.Errorf("%s: %d Σ, which differ by %.2g", name, len(got.sigma), worst)
		}
	}

	at, err := checkpoint.At(context.Background(), elsewhere{storage.Dir(model)}, "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	got := calibrated(t, at)
	compare("another place", got, 0)
	if got.source != want.source {
		t.Error("elsewhere it is another model")
	}

	lossless := filepath.Join(dir, "lossless")
	job := convert.Job{Source: model, Output: lossless, Options: convert.Options{Method: convert.Lossless}}
	if _, err := convert.Directory(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	compare("a model directory", calibrated(t, find(lossless)), 0)

	file := filepath.Join(dir, "model.gguf")
	if _, err := export.File(t.Context(), model, file, export.Options{}); err != nil {
		t.Fatal(err)
	}
	got = calibrated(t, find(file))
	compare("GGUF", got, 1e-4)
	if names := got.tensors["layers.3.ffn_gate"]; fmt.Sprint(names) != "[blk.3.ffn_gate.weight blk.3.ffn_up.weight]" {
		t.Errorf("GGUF: %v", names)
	}
	if names := got.tensors["head"]; len(names) != 1 || !strings.HasPrefix(names[0], "token_embd") {
		t.Errorf("GGUF: the head is %v", names)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("%v is left", entries)
	}
}
