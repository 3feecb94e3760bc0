package detmath

import (
	"math"
	"math/rand/v2"
	"testing"
)

func ulps32(got float32, want float64) float64 {
	w := float32(want)
	if got == w {
		return 0
	}
	next := math.Nextafter32(w, float32(math.Inf(1)))
	return math.Abs(float64(got)-want) / math.Abs(float64(next)-float64(w))
}

// TestFloat32Functions compares with the math package over all magnitudes.
func TestFloat32Functions(t *testing.T) {
	gelu := func(x float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	normal := func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }
	for _, c := range []struct {
		name  string
		f     func(float32) float32
		truth func(float64) float64
		limit float64
		from  float64 // below this the truth's own formula cancels
	}{
		{"Exp", Exp, math.Exp, 0.51, -87}, {"SiLU", SiLU, func(x float64) float64 { return x / (1 + math.Exp(-x)) }, 0.51, -80},
		{"Tanh", Tanh, math.Tanh, 0.51, -100}, {"GELUTanh", GELUTanh, gelu, 0.6, -3}, {"GELU", GELU, normal, 0.51, -12},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		for range 200_000 {
			x := float32(r.NormFloat64() * math.Exp2(float64(r.IntN(30)-24)))
			if math.Abs(float64(x)) > 80 || float64(x) < c.from {
				continue
			}
			if d := ulps32(c.f(x), c.truth(float64(x))); d > c.limit {
				t.Fatalf("%s(%v) = %v, want %v: %.2f units", c.name, x, c.f(x), c.truth(float64(x)), d)
			}
		}
	}
	for x := -600.0; x < 700; x += 0.37 {
		if got, want := Exp64(x), math.Exp(x); math.Abs(got-want) > want*0x1p-40 {
			t.Errorf("Exp64(%v) = %v, want %v", x, got, want)
		}
	}
	inf := float32(math.Inf(1))
	for _, c := range []struct{ got, want float32 }{
		{Exp(inf), inf}, {Exp(-inf), 0}, {Exp(0), 1}, {Exp(-1000), 0}, {Exp(1000), inf}, {SiLU(0), 0}, {SiLU(1000), 1000},
		{Tanh(inf), 1}, {Tanh(-inf), -1}, {Tanh(0), 0}, {GELUTanh(0), 0}, {GELUTanh(100), 100},
		{GELU(0), 0}, {GELU(100), 100}, {GELU(inf), inf}, {GELU(-inf), 0}, {GELU(-40), 0},
	} {
		if c.got != c.want {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
	if nan := float32(math.NaN()); Exp(nan) == Exp(nan) || SiLU(nan) == SiLU(nan) || GELU(nan) == GELU(nan) || Tanh(nan) == Tanh(nan) {
		t.Error("NaN is lost")
	}
}

func TestSinCos(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 200_000 {
		x := r.NormFloat64() * math.Exp2(float64(r.IntN(36)-18))
		if math.Abs(x) > 1<<20 {
			continue
		}
		s, c := SinCos(x)
		ws, wc := math.Sincos(x)
		if math.Abs(s-ws) > 0x1p-45 || math.Abs(c-wc) > 0x1p-45 {
			t.Fatalf("SinCos(%v) = %v, %v, want %v, %v", x, s, c, ws, wc)
		}
	}
}

// TestFloat32Bits pins results bit by bit, as TestBits does.
func TestFloat32Bits(t *testing.T) {
	var sum uint32
	r := rand.New(rand.NewPCG(3, 3))
	mix := func(b uint32) { sum = (sum^b)*16777619 + 1 }
	for range 20_000 {
		x := float32(r.NormFloat64() * 5)
		for _, f := range []func(float32) float32{Exp, SiLU, Tanh, GELUTanh} {
			mix(math.Float32bits(f(x)))
		}
		s, c := SinCos(float64(x) * 1000)
		mix(uint32(math.Float64bits(s)))
		mix(uint32(math.Float64bits(c)))
	}
	if sum != wantFloat32Sum {
		t.Errorf("the results have sum %#x, want %#x", sum, wantFloat32Sum)
	}
}

// wantFloat32Sum was computed on amd64 without fused operations.
const wantFloat32Sum = 0xb71ff016
