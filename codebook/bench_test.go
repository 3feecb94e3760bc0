package codebook

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// gaussian draws n weights of standard deviation 0.05.
func gaussian(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(0.05 * r.NormFloat64())
	}
	return x
}

func reportRate(b *testing.B, n int) {
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds()/1e6, "Mweights/s")
}

func BenchmarkHistogram(b *testing.B) {
	for _, c := range []struct {
		name string
		edit func(float32) float32
	}{
		{"f32", func(w float32) float32 { return w }},
		{"bf16", func(w float32) float32 { return float32(toBF16(float64(w))) }},
		{"constant", func(float32) float32 { return 0.5 }},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := gaussian(1<<20, 1)
			for i, w := range x {
				x[i] = c.edit(w)
			}
			h := NewHistogram()
			h.Add(x)
			b.ResetTimer()
			for range b.N {
				if err := h.Add(x); err != nil {
					b.Fatal(err)
				}
			}
			reportRate(b, len(x))
		})
	}
}

func BenchmarkQuantize(b *testing.B) {
	x := gaussian(1<<20, 1)
	h := NewHistogram()
	h.Add(x)
	for _, o := range []Options{{Method: Entropy, SNR: 21.2}, {Method: Entropy}, {Method: KMeans}} {
		c, err := Design(h, o)
		if err != nil {
			b.Fatal(err)
		}
		q := c.Quantizer()
		dst := make([]byte, len(x))
		name := string(o.Method)
		if o.SNR > 0 {
			name += "21"
		}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				q.Quantize(dst, x, nil)
			}
			reportRate(b, len(x))
		})
		b.Run(name+"WithError", func(b *testing.B) {
			for range b.N {
				var e ErrorSum
				q.Quantize(dst, x, &e)
			}
			reportRate(b, len(x))
		})
	}
}

func BenchmarkDesign(b *testing.B) {
	for _, n := range []int{288 * 288, 1 << 22} {
		x := gaussian(n, 1)
		h := NewHistogram()
		h.Add(x)
		for _, o := range []Options{{Method: Entropy, SNR: 21.2}, {Method: Entropy}, {Method: Entropy, Bits: 4}, {Method: KMeans}} {
			b.Run(benchName(n, o), func(b *testing.B) {
				for range b.N {
					if _, err := Design(h, o); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEncode is everything from weights to indices and fidelity.
func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{288 * 288, 1 << 22, 1 << 24} {
		x := gaussian(n, 1)
		dst := make([]byte, n)
		for _, o := range []Options{{Method: Entropy}, {Method: KMeans}} {
			b.Run(benchName(n, o), func(b *testing.B) {
				for range b.N {
					h := NewHistogram()
					h.Add(x)
					c, err := Design(h, o)
					if err != nil {
						b.Fatal(err)
					}
					var e ErrorSum
					c.Quantizer().Quantize(dst, x, &e)
				}
				reportRate(b, n)
			})
		}
	}
}

func benchName(n int, o Options) string {
	name := fmt.Sprintf("%dk/%s", n>>10, o.Method)
	if o.SNR > 0 {
		name += fmt.Sprintf("-%vdB", o.SNR)
	}
	if o.Bits > 0 {
		name += fmt.Sprintf("-%vbits", o.Bits)
	}
	return name
}
