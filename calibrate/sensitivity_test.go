package calibrate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/checkpoint"
)

// TestSensitivities: a probe's divergence is that of a model which has the other weights, and weights that
// are the model's own change nothing.
func TestSensitivities(t *testing.T) {
	source, other := located(t, demoModel(t)), located(t, coarse(t))
	all := func(string) bool { return true }
	probes, err := Probes(t.Context(), source, 1<<20, all)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(probes); n != 4*7+1 {
		t.Fatalf("%d probes", n)
	}
	few, err := Probes(t.Context(), source, 4096, func(name string) bool { return strings.Contains(name, "mlp") })
	if err != nil || len(few) != 3 || len(few[0].Tensors) != 4 {
		t.Errorf("few probes: %v, %v", few, err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	window := make([]int, 128)
	for i := range window {
		window[i] = r.IntN(1024)
	}
	windows := [][]int{window}
	own := slices.Clone(probes)
	if err := Sensitivities(t.Context(), source, windows, own, weightsOf(t, source), Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Sensitivities(t.Context(), source, windows, probes, weightsOf(t, other), Options{}); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i := range probes {
		if own[i].KLD > 1e-9 {
			t.Errorf("its own %s: %v", own[i].Tensors, own[i].KLD)
		}
		if probes[i].KLD < 1e-7 {
			t.Errorf("another %s: %v", probes[i].Tensors, probes[i].KLD)
		}
		sum += probes[i].KLD
	}
	// All of them together do about what they do one by one.
	reference, err := NewReference(t.Context(), source, windows, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := reference.Divergence(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if ratio := sum / d.MeanKLD; math.Abs(math.Log2(ratio)) > 1 {
		t.Errorf("one by one %v, together %v", sum, d.MeanKLD)
	}
	if err := Sensitivities(t.Context(), source, nil, probes, nil, Options{}); !errors.Is(err, ErrText) {
		t.Errorf("no window: %v", err)
	}
}

// weightsOf opens a checkpoint's weights.
func weightsOf(t *testing.T, at checkpoint.Location) func(tensor string) (Weights, error) {
	t.Helper()
	c, err := at.Checkpoint(t.Context(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return func(tensor string) (Weights, error) {
		i := slices.IndexFunc(c.Tensors(), func(x *checkpoint.Tensor) bool { return x.Name == tensor })
		return checkpointWeights{c.Tensors()[i]}, nil
	}
}

type checkpointWeights struct{ *checkpoint.Tensor }

func (w checkpointWeights) ReadRows(ctx context.Context, dst []float32, a, _ int) error {
	return w.ReadFloat32(ctx, dst, a*w.Shape[1])
}
func (checkpointWeights) Close() error { return nil }
