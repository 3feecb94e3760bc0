package codebook

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sweepTensors are weights of every kind of tail.
func sweepTensors() map[string][]float32 {
	const n = 70000
	r := rand.New(rand.NewPCG(5, 5))
	draw := func(f func() float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(f())
		}
		return x
	}
	return map[string][]float32{
		"Gaussian":    gaussian(n, 1),
		"Laplacian":   draw(func() float64 { return 0.05 * r.ExpFloat64() * float64(1-2*r.IntN(2)) }),
		"heavy tails": draw(func() float64 { return r.NormFloat64() * math.Exp(1.2*r.NormFloat64()) }),
		"few values":  draw(func() float64 { return math.Round(3*r.NormFloat64()) / 8 }),
		"300 values":  draw(func() float64 { return math.Round(40*r.NormFloat64()) / 64 }),
		"near 1":      draw(func() float64 { return 1 + 0.002*r.NormFloat64() }),
	}
}

// modelBits is the size by the model that stands in for Options.Rate, from the indices.
func modelBits(c *Codebook, idx []byte, x []float32) float64 {
	bits := huffmanBits(idx, 11)
	if n := len(c.Quantizer().AppendOutliers(nil, x, 0)); n > 0 {
		bytes := 1 + math.Floor(math.Log2(float64(len(x))/float64(n))/7)
		bits += (sidecarFile + float64(n)*(16+8*bytes)) / float64(len(x))
	}
	return bits
}

// TestMoreBits: a larger budget is never exceeded, and never makes the error larger.
func TestMoreBits(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred designs")
	}
	budgets := []float64{1, 2, 4, 6, 7, 7.4, 7.6, 7.8, 7.95, 8, 8.3, 16}
	for name, x := range sweepTensors() {
		h := histogramOf(t, x)
		idx := make([]byte, len(x))
		_, _, best := quantized(t, x, Options{Method: KMeans})
		for _, overhead := range []float64{0, 0.13} {
			last := Fidelity{SNR: math.Inf(-1)}
			for _, bits := range budgets {
				o := Options{Bits: bits}
				rate := func(c *Codebook) (float64, error) {
					c.Quantizer().Quantize(idx, x, nil)
					return modelBits(c, idx, x) + overhead, nil
				}
				if overhead > 0 {
					o.Rate = rate
				}
				c, err := Design(h, o)
				if err != nil {
					if bits > 1 || overhead == 0 {
						t.Errorf("%s, %v bits: %v", name, bits, err)
					}
					continue
				}
				var e ErrorSum
				c.Quantizer().Quantize(idx, x, &e)
				f := e.Fidelity()
				got, _ := rate(c)
				t.Logf("%s, %v bits with %v overhead: %.4f at %.3f dB, %d values, clipped at %.3g", name, bits, overhead, got, f.SNR, len(c.Values), c.ClipMax)
				if got > bits {
					t.Errorf("%s, %v bits: %.4f used", name, bits, got)
				}
				if f.SNR < last.SNR-0.02 {
					t.Errorf("%s, %v bits: %.3f dB, fewer had %.3f", name, bits, f.SNR, last.SNR)
				}
				last = f
			}
			if last.SNR < best.SNR-0.001 {
				t.Errorf("%s: unlimited bits have %.3f dB, kmeans %.3f", name, last.SNR, best.SNR)
			}
		}
	}
}

// TestMoreSNR: less error never takes fewer bits, but for what searches leave where entries are short, and what cannot be had gives the least error there is.
func TestMoreSNR(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred designs")
	}
	wanted := []float64{5, 20, 25, 35, 40, 43, 43.7, 44, 44.5, 46, 60, 120}
	for name, x := range sweepTensors() {
		for _, mode := range []OutlierMode{Auto, Never} {
			lastBits, lastSNR := 0.0, 0.0
			for _, snr := range wanted {
				c, idx, f := quantized(t, x, Options{SNR: snr, Outliers: mode})
				bits := modelBits(c, idx, x)
				bf16 := !slices.ContainsFunc(c.Values, func(v float32) bool { return math.Float32bits(v)&0xffff != 0 })
				t.Logf("%s, %v dB, sidecar %s: %.4f bits at %.3f dB, %d values, clipped at %.3g, bf16 %v", name, snr, mode, bits, f.SNR, len(c.Values), c.ClipMax, bf16)
				if f.SNR < min(snr, lastSNR) {
					t.Errorf("%s, %v dB: %.3f, less than the %.3f that can be had", name, snr, f.SNR, lastSNR)
				}
				if bits < lastBits-0.03 {
					t.Errorf("%s, %v dB: %.4f bits, a lower target took %.4f", name, snr, bits, lastBits)
				}
				lastBits, lastSNR = bits, f.SNR
			}
		}
	}
}
