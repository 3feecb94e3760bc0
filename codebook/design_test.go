package codebook

import (
	"testing"
)

// quantized designs for x and quantizes x.
func quantized(tb testing.TB, x []float32, o Options) (*Codebook, []byte, Fidelity) {
	tb.Helper()
	h := NewHistogram()
	if err := h.Add(x); err != nil {
		tb.Fatal(err)
	}
	c, err := Design(h, o)
	if err != nil {
		tb.Fatal(err)
	}
	idx := make([]byte, len(x))
	var e ErrorSum
	c.Quantizer().Quantize(idx, x, &e)
	return c, idx, e.Fidelity()
}

func TestKMeansBeatsOriginal(t *testing.T) {
	for _, g := range goldenCases(t) {
		x := readNPY(t, g.input)
		for _, start := range []Start{Companded, Quantile, GoldenRatio} {
			_, _, f := quantized(t, x, Options{Method: KMeans, Start: start, FullPrecision: true})
			_, _, b := quantized(t, x, Options{Method: KMeans, Start: start})
			t.Logf("%s %s: MSE %.4g, in bf16 %.4g, the original's %.4g", g.name, start, f.MSE, b.MSE, g.mse)
			if f.MSE > g.mse {
				t.Errorf("%s %s: MSE %g exceeds the original's %g", g.name, start, f.MSE, g.mse)
			}
		}
	}
}
