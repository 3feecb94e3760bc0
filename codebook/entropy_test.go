package codebook

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// withOutliers is Gaussian except for n weights spread over ±100 standard deviations.
func withOutliers(size, n int) []float32 {
	x := gaussian(size, 1)
	r := rand.New(rand.NewPCG(7, 7))
	for range n {
		x[r.IntN(size)] = float32(0.05 * (200*r.Float64() - 100))
	}
	return x
}

// totalBits is the size of the indices and of the sidecar by the same model, per weight.
func totalBits(c *Codebook, idx []byte, x []float32) (bits float64, outliers int) {
	list := c.Quantizer().AppendOutliers(nil, x, 0)
	bits = huffmanBits(idx, 11)
	if len(list) > 0 {
		bits += (sidecarFile + 32*float64(len(list))) / float64(len(x))
	}
	return bits, len(list)
}

// TestOutliersWin: a sidecar is used where it makes the whole smaller, and only there.
func TestOutliersWin(t *testing.T) {
	const size = 400000
	x := withOutliers(size, 400)
	with, idx, f := quantized(t, x, Options{})
	plain, plainIdx, g := quantized(t, x, Options{Outliers: Never})
	bits, n := totalBits(with, idx, x)
	plainBits, _ := totalBits(plain, plainIdx, x)
	t.Logf("with %d outliers beyond %v: %.4f bits at %.3f dB; without %.4f at %.3f dB", n, with.ClipMax, bits, f.SNR, plainBits, g.SNR)
	if n == 0 || bits >= plainBits {
		t.Errorf("sidecar of %d: %.4f bits, without %.4f", n, bits, plainBits)
	}
	if f.SNR < 35 || g.SNR < 35 || f.SNR > 35.02 {
		t.Errorf("%.3f and %.3f dB, want 35", f.SNR, g.SNR)
	}
	if !math.IsInf(float64(plain.ClipMax), 1) || !math.IsInf(float64(plain.ClipMin), -1) {
		t.Error("Never has a clip range")
	}
	for _, o := range []Options{{}, {SNR: 21.2}, {SNR: 42}, {Bits: 5}} {
		if c, _, _ := quantized(t, gaussian(size, 1), o); !math.IsInf(float64(c.ClipMax), 1) {
			t.Errorf("%+v: plain Gaussian weights get a sidecar beyond %v", o, c.ClipMax)
		}
	}

	// For given bits the sidecar buys less error.
	b, idx, f := quantized(t, x, Options{Bits: 5})
	_, _, g = quantized(t, x, Options{Bits: 5, Outliers: Never})
	if bits, n := totalBits(b, idx, x); n == 0 || bits > 5 || f.SNR < g.SNR {
		t.Errorf("5 bits: %d outliers, %.4f bits, %.3f dB; without %.3f dB", n, bits, f.SNR, g.SNR)
	}
}

func TestBits(t *testing.T) {
	x := gaussian(200000, 1)
	last := 0.0
	for _, bits := range []float64{1.2, 2, 3, 4, 5, 6, 7} {
		_, idx, f := quantized(t, x, Options{Bits: bits})
		got := huffmanBits(idx, 11)
		t.Logf("%v bits: %.4f at %.3f dB, index entropy %.4f", bits, got, f.SNR, indexEntropy(idx))
		if got > bits || got < bits*(1-2*bitTolerance) {
			t.Errorf("%v bits wanted, %.4f used", bits, got)
		}
		// Within 0.3 bits of the Gaussian's rate-distortion bound, the entropy-coded quantizer's 0.254 included.
		if bound := 6.0206 * bits; f.SNR > bound || bits >= 2 && bits <= 6 && f.SNR < bound-0.31*6.0206 || f.SNR < last {
			t.Errorf("%v bits: %.3f dB; no quantizer exceeds %.3f", bits, f.SNR, bound)
		}
		last = f.SNR
	}
}

// TestMeasuredRate: the design follows the rate that the real codec has, here a Huffman code with overhead.
func TestMeasuredRate(t *testing.T) {
	x := gaussian(100000, 1)
	h := histogramOf(t, x)
	idx := make([]byte, len(x))
	asked := 0
	rate := func(c *Codebook) (float64, error) {
		asked++
		c.Quantizer().Quantize(idx, x, nil)
		return 1.01*huffmanBits(idx, 11) + 0.13, nil
	}
	for _, bits := range []float64{2.5, 4, 6} {
		asked = 0
		c, err := Design(h, Options{Bits: bits, Rate: rate})
		if err != nil {
			t.Fatal(err)
		}
		n := asked
		got, _ := rate(c)
		t.Logf("%v bits: %.4f after %d measurements", bits, got, n)
		if got > bits || got < bits*(1-bitTolerance) || n > maxMeasured {
			t.Errorf("%v bits wanted, %.4f used, %d measurements", bits, got, n)
		}
	}
	if _, err := Design(h, Options{Bits: 0.1, Rate: rate}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("out of reach: error %v", err)
	}
	broken := errors.New("disk on fire")
	if _, err := Design(h, Options{Bits: 3, Rate: func(*Codebook) (float64, error) { return 0, broken }}); !errors.Is(err, broken) {
		t.Errorf("failing Rate: error %v", err)
	}
	// With both targets, the one that takes fewer bits.
	for _, c := range []struct {
		o    Options
		want float64
	}{{Options{SNR: 20, Bits: 6}, 20}, {Options{SNR: 50, Bits: 3}, 16.2}} {
		if _, _, f := quantized(t, x, c.o); f.SNR < c.want || f.SNR > c.want+0.5 {
			t.Errorf("%+v: %.3f dB", c.o, f.SNR)
		}
	}
}

// TestLossless: few distinct values cost their entropy and no error when the error wanted is small enough.
func TestLossless(t *testing.T) {
	x := make([]float32, 200000)
	for i := range x {
		x[i] = []float32{0.1, -0.1, 0}[i%3]
	}
	c, _, f := quantized(t, x, Options{})
	if f.MSE != 0 || !slices.Equal(c.Values, []float32{-0.1, 0, 0.1}) {
		t.Errorf("values %v, MSE %g", c.Values, f.MSE)
	}
}

// TestHeavyTails: 256 even cells would not reach from end to end.
func TestHeavyTails(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	x := make([]float32, 300000)
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp(1.5*r.NormFloat64()))
	}
	for _, snr := range []float64{21.2, 30, 35, 40} {
		c, idx, f := quantized(t, x, Options{SNR: snr})
		bits, n := totalBits(c, idx, x)
		t.Logf("%v dB: %.3f dB, %d values, %d outliers, %.4f bits", snr, f.SNR, len(c.Values), n, bits)
		if f.SNR < snr || f.SNR > snr+0.02 {
			t.Errorf("%v dB wanted, %.3f reached", snr, f.SNR)
		}
	}
}

// TestUnreachableSNR: then the error is as small as kmeans makes it, or a sidecar.
func TestUnreachableSNR(t *testing.T) {
	x := gaussian(100000, 1)
	_, _, f := quantized(t, x, Options{SNR: 100, Outliers: Never})
	_, _, best := quantized(t, x, Options{Method: KMeans, FullPrecision: true})
	if f != best {
		t.Errorf("%+v, want %+v", f, best)
	}
	if _, _, g := quantized(t, x, Options{SNR: 100}); g.SNR <= f.SNR {
		t.Errorf("with a sidecar %v dB, without %v", g.SNR, f.SNR)
	}
}

// TestWeightedEntropy: error moves to where it costs less.
func TestWeightedEntropy(t *testing.T) {
	x := gaussian(200000, 1)
	for i := range x {
		if i%2 == 0 {
			x[i] *= 8
		}
	}
	even, _, _ := quantized(t, x, Options{Bits: 4})
	h := NewHistogram()
	if err := h.AddWeighted(x, []float32{0.1, 10}); err != nil {
		t.Fatal(err)
	}
	weighted, err := Design(h, Options{Bits: 4})
	if err != nil {
		t.Fatal(err)
	}
	cost := func(c *Codebook) (sum float64) {
		idx, y := make([]byte, len(x)), make([]float32, len(x))
		c.Quantizer().Quantize(idx, x, nil)
		if b := huffmanBits(idx, 11); b > 4 {
			t.Errorf("%.4f bits", b)
		}
		decode(y, idx, c.Values)
		for i := range x {
			d := float64(x[i]) - float64(y[i])
			sum += []float64{0.1, 10}[i%2] * d * d
		}
		return sum
	}
	if a, b := cost(weighted), cost(even); a >= 0.9*b {
		t.Errorf("weighted design costs %g, the other %g", a, b)
	}
}
