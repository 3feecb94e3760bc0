package calibrate

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/evaluate"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestReference: layer by layer a divergence is what two whole models side by side have.
func TestReference(t *testing.T) {
	source := demoModel(t)
	other := located(t, coarse(t))
	r := rand.New(rand.NewPCG(1, 1))
	windows := make([][]int, 3)
	var ids []int
	for i := range windows {
		for range 64 {
			windows[i] = append(windows[i], r.IntN(1024))
		}
		ids = append(ids, windows[i]...)
	}
	var told []int
	reference, err := NewReference(t.Context(), located(t, source), windows, Options{Progress: func(p Progress) { told = append(told, p.Layer) }})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []int{0, 1, 2, 3}) {
		t.Errorf("layers %v are told of", told)
	}
	same, err := reference.Divergence(t.Context(), located(t, source))
	if err != nil || same.MeanKLD > 1e-9 || same.SameTop != 1 || same.Tokens != 3*31 {
		t.Errorf("a model against itself: %+v, %v", same, err)
	}
	got, err := reference.Divergence(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	want := sideBySide(t, located(t, source), other, ids)
	if math.Abs(got.MeanKLD-want.MeanKLD) > 1e-5*want.MeanKLD || math.Abs(got.P99KLD-want.P99KLD) > 1e-5 || got.SameTop != want.SameTop ||
		math.Abs(got.Perplexity-want.Perplexity) > 1e-5*want.Perplexity || got.MeanKLD < 1e-4 {
		t.Errorf("layer by layer %+v, side by side %+v", got, want)
	}
	if _, err := NewReference(t.Context(), located(t, source), nil, Options{}); !errors.Is(err, ErrText) {
		t.Errorf("no windows: %v", err)
	}
}

// sideBySide is the divergence as package evaluate has it.
func sideBySide(t *testing.T, a, b checkpoint.Location, ids []int) *evaluate.DivergenceResult {
	t.Helper()
	session := func(at checkpoint.Location) *transformer.Session {
		m, err := transformer.OpenAt(t.Context(), at, transformer.Options{Context: 64})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	d, err := evaluate.Divergence(t.Context(), session(b), session(a), 1024, ids, 64, -1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// coarse is the built-in model with four bits less in every weight.
func coarse(t *testing.T) string {
	t.Helper()
	dir := demoModel(t)
	path := filepath.Join(dir, "model.safetensors")
	b := readFile(t, path)
	for i := 8 + int(binary.LittleEndian.Uint64(b)); i < len(b); i += 2 {
		b[i] &= 0xf0 // of a bfloat16
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}
