package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// elementFunctions are the functions of one element, by the routines of a level and as internal/detmath has them. Those
// that routines multiply by something have 1 there, which changes nothing.
var elementFunctions = []struct {
	name string
	simd func(f *elementwise, x, ones []float32)
	want func(x float32) float32
}{
	{"silu", func(f *elementwise, x, ones []float32) { f.siluMul(&x[0], &ones[0], len(x)) }, detmath.SiLU},
	{"gelu", func(f *elementwise, x, ones []float32) { f.geluTanhMul(&x[0], &ones[0], len(x)) }, detmath.GELUTanh},
	{"tanh", func(f *elementwise, x, _ []float32) { f.softcap(&x[0], len(x), 1, 1) }, detmath.Tanh},
	{"exp", func(f *elementwise, x, _ []float32) { f.exp(&x[0], len(x), 0, 1) }, detmath.Exp},
}

// compareElements compares all functions of all levels with internal/detmath, bit by bit.
func compareElements(t *testing.T, in []float32) {
	t.Helper()
	const most = 64 // a multiple of every unit
	for len(in)%most != 0 {
		in = append(in, 0)
	}
	got, ones := make([]float32, len(in)), make([]float32, len(in))
	for i := range ones {
		ones[i] = 1
	}
	want := make([]float32, len(in))
	for _, f := range elementFunctions {
		for i, x := range in {
			want[i] = canonical(f.want(x))
		}
		for _, l := range Levels() {
			k, _ := ForLevel(l)
			routines := k.elementwise()
			if routines == nil {
				continue
			}
			copy(got, in)
			f.simd(routines, got, ones)
			for i := range got {
				if g, w := math.Float32bits(got[i]), math.Float32bits(want[i]); g != w {
					t.Fatalf("%s: %s(%g), bits %08x, is %g (%08x), want %g (%08x)", l, f.name, in[i], math.Float32bits(in[i]), got[i], g, want[i], w)
				}
			}
		}
	}
}

// TestElementFunctions takes a part of all float32, and all neighbours of where something changes. All 2³² were compared
// once, with step 1.
func TestElementFunctions(t *testing.T) {
	const step = 4099
	in := make([]float32, 0, 1<<10)
	for bits := uint64(0); bits < 1<<32; bits += step {
		if in = append(in, math.Float32frombits(uint32(bits))); len(in) == cap(in) {
			compareElements(t, in)
			in = in[:0]
		}
	}
	for _, edge := range []float64{
		0, math.SmallestNonzeroFloat32, 0x1p-126, 0x1p-25, 0x1p-10, 0.00122, 1, 20, 25.1, // tanh's limits, and gelu's
		87.3, 88.7228, 103.97, 700, 709, 709.4362, 709.79, 710, // exp's: subnormal, infinite, 0, and those of float64
		math.MaxFloat32, math.Inf(1), math.NaN(),
	} {
		bits := int(math.Float32bits(float32(edge)))
		for d := -2000; d < 2000; d++ {
			x := math.Float32frombits(uint32(bits + d))
			in = append(in, x, -x)
		}
	}
	for k := range 2048 { // between two powers of two
		x := float32((float64(k) - 1023.5) * math.Ln2)
		for range 5 {
			in = append(in, x)
			x = math.Nextafter32(x, 1000)
		}
	}
	compareElements(t, in)
}

// elementwiseMethods are what a level offers, of any length.
var elementwiseMethods = map[string]func(k *Kernels, x, u []float32, scale float32){
	"Softcap":     func(k *Kernels, x, _ []float32, scale float32) { k.Softcap(x, scale, 30) },
	"Exp":         func(k *Kernels, x, _ []float32, scale float32) { k.Exp(x, 1.5, scale) },
	"SiLUMul":     func(k *Kernels, x, u []float32, _ float32) { k.SiLUMul(x, u) },
	"GELUTanhMul": func(k *Kernels, x, u []float32, _ float32) { k.GELUTanhMul(x, u) },
}

func TestElementwiseLevels(t *testing.T) {
	for name, f := range elementwiseMethods {
		for n := range 300 {
			r := rand.New(rand.NewPCG(uint64(n), 21))
			odd := n%3 == 0
			x, u := values(r, n, odd), values(r, n, odd)
			for i := range x {
				x[i] *= 8
			}
			scale := []float32{1, 0.125, -3, 0}[n%4]
			want := slices.Clone(x)
			f(generic(t), want, u, scale)
			eachLevel(t, func(t *testing.T, k *Kernels) {
				got := slices.Clone(x)
				f(k, got, u, scale)
				wantBits(t, fmt.Sprint(name, " of ", n), got, want)
			})
		}
	}
}

func TestElementwiseNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	x, u := make([]float32, 77), make([]float32, 77)
	for name, f := range elementwiseMethods {
		for _, l := range Levels() {
			k, _ := ForLevel(l)
			if n := testing.AllocsPerRun(50, func() { f(k, x, u, 1) }); n >= 1 {
				t.Errorf("%s at level %s: %v allocations", name, l, n)
			}
		}
	}
}
