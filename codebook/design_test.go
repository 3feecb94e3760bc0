package codebook

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"slices"
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

// TestEdgeCases: every method has a defined result for every input.
func TestEdgeCases(t *testing.T) {
	negZero := float32(math.Copysign(0, -1))
	big := make([]float32, maxList+5000)
	for i := range big {
		big[i] = math.Float32frombits(uint32(i) * 0x9e3779b1)
		if !isFinite(big[i]) {
			big[i] = float32(i)
		}
	}
	spread := gaussian(5000, 1)
	spread[17] = 1e30
	for name, x := range map[string][]float32{
		"empty":                  {},
		"one":                    {0.3},
		"all equal":              {0.3, 0.3, 0.3},
		"all zero":               make([]float32, 100),
		"both zeros":             {0, negZero, negZero},
		"minus zero":             {negZero},
		"two values":             {1, -7, 1},
		"denormals":              {1e-45, -1e-45, 3e-45, 1e-40},
		"largest":                {math.MaxFloat32, -math.MaxFloat32, math.MaxFloat32, 1},
		"neighbours":             {1, math.Nextafter32(1, 2), math.Nextafter32(1, 0)},
		"equal and many":         slices.Repeat([]float32{-2.5e-3}, maxList+1),
		"zero and many":          make([]float32, maxList+1),
		"denormal and many":      slices.Repeat([]float32{1e-45, -1e-44, 0}, maxList/3+1),
		"all magnitudes":         big,
		"one enormous":           spread,
		"far from zero":          {1000, 1000.001, 1000.002, 1000.01, 1000.5},
		"positive":               {0.5, 0.25, 3, 8, 1e-3},
		"one value, one outlier": append(make([]float32, 999), 5),
	} {
		for _, o := range []Options{
			{Method: Uniform}, {Method: KMeans}, {Method: KMeans, Start: GoldenRatio, Entries: 3}, {Method: KMeans, Entries: 1}, {Method: Uniform, Entries: 1},
			{}, {SNR: 3}, {SNR: 120}, {SNR: 30, FullPrecision: true}, {Bits: 3}, {Bits: 0.5}, {Entries: 4}, {SNR: 40, Bits: 2}, {LongestCode: 15},
		} {
			c, idx, f := quantized(t, x, o)
			if len(c.Values) == 0 || len(c.Values) > 256 || o.Entries > 0 && len(c.Values) > o.Entries || len(c.Bounds) != len(c.Values)-1 {
				t.Fatalf("%s, %+v: %d values, %d bounds", name, o, len(c.Values), len(c.Bounds))
			}
			for i, v := range c.Values {
				if !isFinite(v) || i > 0 && !(c.Values[i-1] < v) {
					t.Errorf("%s, %+v: values %v", name, o, c.Values)
					break
				}
			}
			if !slices.IsSorted(c.Bounds) || slices.ContainsFunc(c.Bounds, func(b float32) bool { return !isFinite(b) }) {
				t.Errorf("%s, %+v: bounds %v", name, o, c.Bounds)
			}
			for _, i := range idx {
				if int(i) >= len(c.Values) {
					t.Fatalf("%s, %+v: index %d of %d values", name, o, i, len(c.Values))
				}
			}
			if f.MSE != f.MSE || f.SNR != f.SNR || f.Cosine != f.Cosine || math.IsInf(f.MSE, 0) || f.Cosine < -1 || f.Cosine > 1 {
				t.Errorf("%s, %+v: fidelity %+v", name, o, f)
			}
			distinct := slices.Clone(x)
			slices.Sort(distinct)
			if len(slices.Compact(distinct)) <= 256 && o.Method == KMeans && o.Entries == 0 && f.MSE > 1e-80 { // many denormals share a bin
				t.Errorf("%s: %d distinct values have MSE %g", name, len(distinct), f.MSE)
			}
		}
	}
}

func TestOptionErrors(t *testing.T) {
	h := histogramOf(t, []float32{1, 2, 3})
	for _, o := range []Options{
		{Method: "best"}, {Entries: 257}, {Entries: -1}, {Start: "middle"}, {SNR: -1}, {SNR: math.NaN()}, {SNR: math.Inf(1)}, {Bits: -1},
		{Bits: math.NaN()}, {Outliers: "always"}, {LongestCode: 8}, {LongestCode: 16},
	} {
		if _, err := Design(h, o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}

func TestUniform(t *testing.T) {
	x := gaussian(1000, 1)
	lo, hi := slices.Min(x), slices.Max(x)
	c, idx, _ := quantized(t, x, Options{Method: Uniform, FullPrecision: true})
	if len(c.Values) != 256 || c.Values[0] != lo || c.Values[255] != hi {
		t.Fatalf("%d values from %v to %v, want 256 from %v to %v", len(c.Values), c.Values[0], c.Values[255], lo, hi)
	}
	for i, w := range x {
		if want := math.Round(float64(w-lo) / float64(hi-lo) * 255); math.Abs(float64(idx[i])-want) > 1 {
			t.Fatalf("weight %v has index %d, want %v", w, idx[i], want)
		}
	}
}

func TestBF16Values(t *testing.T) {
	x := gaussian(200000, 1)
	for _, o := range []Options{{Method: Uniform}, {Method: KMeans}, {}, {Bits: 4}} {
		c, _, _ := quantized(t, x, o)
		for _, v := range c.Values {
			if math.Float32bits(v)&0xffff != 0 {
				t.Fatalf("%+v: %v is no bfloat16", o, v)
			}
		}
	}
	for _, v := range []struct{ x, want float64 }{
		{1, 1}, {1 + 0x1p-8, 1}, {1 + 0x1.8p-7, 1 + 0x1p-6}, {1 + 0x1.01p-8, 1 + 0x1p-7}, {math.MaxFloat64, 0x1.fep127}, {-math.MaxFloat32, -0x1.fep127}, {0, 0},
	} {
		if got := toBF16(v.x); got != v.want {
			t.Errorf("toBF16(%v) = %v, want %v", v.x, got, v.want)
		}
	}
}

// TestBF16TooCoarse: values stay float32 where bfloat16 would cost more than 0.1 dB.
func TestBF16TooCoarse(t *testing.T) {
	scaled := func(n int, scale, mean float64) []float32 {
		x := gaussian(n, 3)
		for i, w := range x {
			x[i] = float32(mean + scale*20*float64(w))
		}
		return x
	}
	for name, x := range map[string][]float32{
		"denormal":      scaled(64*64, 1e-42, 0),
		"far from zero": scaled(20000, 1e-4, 1),
		"few weights":   scaled(300, 1, 0),
	} {
		for _, o := range []Options{{}, {SNR: 70}, {Bits: 6}, {Bits: 3}, {Method: KMeans}, {Method: Uniform}} {
			_, _, f := quantized(t, x, o)
			full := o
			full.FullPrecision = true
			_, _, g := quantized(t, x, full)
			t.Logf("%s, %+v: %.3f dB, full precision %.3f", name, o, f.SNR, g.SNR)
			if f.SNR < min(g.SNR-0.11, 80) || o.Method == "" && o.Bits == 0 && g.SNR >= max(o.SNR, 35) && f.SNR < max(o.SNR, 35) {
				t.Errorf("%s, %+v: %.3f dB, full precision has %.3f", name, o, f.SNR, g.SNR)
			}
		}
	}
	c, _, f := quantized(t, scaled(64*64, 1e-42, 0), Options{})
	if f.SNR < 35 || f.SNR > 36 || len(c.Values) < 50 {
		t.Errorf("denormal weights: %.3f dB with %d values, want 35 dB", f.SNR, len(c.Values))
	}
}

// TestDesignBits pins every method's codebook for a computed input, bit by bit, so that no architecture may differ.
func TestDesignBits(t *testing.T) {
	x := make([]float32, 100000)
	state := uint32(1)
	for i := range x { // the sum of 4 uniform numbers, cubed: a peak with tails; exact operations only
		var sum int32
		for range 4 {
			state = state*1664525 + 1013904223
			sum += int32(state>>16) - 1<<15
		}
		s := float64(sum) / (1 << 16)
		x[i] = float32(float64(s*s) * s)
	}
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{Method: Uniform}, "026689c674b78d31"},
		{Options{Method: KMeans}, "1cce02922ef9cf16"},
		{Options{Method: KMeans, Start: GoldenRatio, FullPrecision: true}, "8e3b1fb4d41115af"},
		{Options{}, "f29e5df1cff05442"},
		{Options{SNR: 21.2, FullPrecision: true}, "d87cf1b72f9d2de9"},
		{Options{Bits: 4}, "809cfa25acec5a9c"},
	} {
		book, idx, f := quantized(t, x, c.options)
		h := sha256.New()
		binary.Write(h, binary.LittleEndian, book.Values)
		binary.Write(h, binary.LittleEndian, book.Bounds)
		h.Write(idx)
		binary.Write(h, binary.LittleEndian, f)
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != c.want {
			t.Errorf("%+v: %s, want %s", c.options, got, c.want)
		}
	}
}
