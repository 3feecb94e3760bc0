package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigFMA is a·b + c in exact arithmetic, rounded once.
func bigFMA(a, b, c float32) float32 {
	x, y, z := float64(a), float64(b), float64(c)
	if math.IsNaN(x+y+z) || math.IsInf(x, 0) || math.IsInf(y, 0) || math.IsInf(z, 0) {
		return float32(x*y + z)
	}
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(v) }
	sum := new(big.Float).SetPrec(2000).Mul(exact(x), exact(y))
	sum.Add(sum, exact(z))
	if sum.Sign() == 0 {
		return float32(x*y + z) // exact; only the sign of zero is asked
	}
	r, _ := sum.Float32()
	return r
}

// special holds one value of every kind that tends to go wrong.
var special = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 1 + 1.0/(1<<23), 1 - 1.0/(1<<24), 0.5, 3,
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, -0x1p-126, 0x1.fffffcp-127,
	0x1p-75, 0x1p-74, 0x1.8p-75, math.MaxFloat32, -math.MaxFloat32, 0x1p127, 0x1p64, 0x1p-64,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
}

func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestFMA32(t *testing.T) {
	check := func(a, b, c float32) {
		if got, want := FMA32(a, b, c), bigFMA(a, b, c); !sameBits(got, want) {
			t.Helper()
			t.Fatalf("FMA32(%x, %x, %x) = %x, want %x", a, b, c, got, want)
		}
	}
	for _, a := range special {
		for _, b := range special {
			for _, c := range special {
				check(a, b, c)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	for range n {
		bits := func() float32 { return math.Float32frombits(r.Uint32()) }
		check(bits(), bits(), bits())
		// Exponents close together, so that the sum needs rounding, and
		// mantissas with few bits set, so that it comes close to halfway.
		near := func() float32 {
			one, another := uint32(1)<<r.IntN(24), uint32(1)<<r.IntN(24)
			m := one ^ another
			return math.Float32frombits(r.Uint32()&(1<<31) | uint32(100+r.IntN(54))<<23 | m&(1<<23-1))
		}
		check(near(), near(), near())
		// A product around the edge of the subnormal numbers.
		tiny := func() float32 {
			return math.Float32frombits(r.Uint32()&(1<<31|1<<23-1) | uint32(50+r.IntN(20))<<23)
		}
		check(tiny(), tiny(), math.Float32frombits(r.Uint32()&(1<<31|1<<24-1)))
	}
}

// FuzzFMA32 compares with exact arithmetic on any bits.
func FuzzFMA32(f *testing.F) {
	f.Add(uint32(0x3f800001), uint32(0x3f800001), uint32(0x33800000))
	f.Fuzz(func(t *testing.T, a, b, c uint32) {
		x, y, z := math.Float32frombits(a), math.Float32frombits(b), math.Float32frombits(c)
		if got, want := FMA32(x, y, z), bigFMA(x, y, z); !sameBits(got, want) {
			t.Fatalf("FMA32(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
	})
}
