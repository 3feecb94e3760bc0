package detmath

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// ulps is the distance from got to want in units of want's last place; 0 when both are NaN or equal.
func ulps(got, want float64) float64 {
	if got == want || (got != got && want != want) {
		return 0
	}
	if math.IsInf(got, 0) || math.IsInf(want, 0) || got != got || want != want {
		return math.Inf(1)
	}
	a := math.Abs(want)
	return math.Abs(got-want) / (math.Nextafter(a, math.Inf(1)) - a)
}

// TestAgainstMath compares with the math package, whose own error may be an ulp.
func TestAgainstMath(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	anyPositive := func() float64 { return math.Float64frombits(r.Uint64N(0x7ff0000000000000)) }
	nearOne := func() float64 { return 1 + 1e-3*r.NormFloat64() }
	anyNormal := func() float64 { return max(0x1p-1022, anyPositive()) }
	farFromOne := func() float64 { // math.Log2 itself loses its digits near 1
		if x := anyNormal(); x < 0.5 || x > 2 {
			return x
		}
		return 3
	}
	for _, c := range []struct {
		name      string
		got, want func(float64) float64
		draw      func() float64
		limit     float64 // ulps, the math package's own error included
	}{
		{"Log2", Log2, func(x float64) float64 { return math.Log1p(x-1) / math.Ln2 }, func() float64 { return 100 * r.Float64() }, 3},
		{"Log2 wide", Log2, math.Log2, farFromOne, 1},
		{"Log2 near 1", Log2, func(x float64) float64 { return math.Log1p(x-1) / math.Ln2 }, nearOne, 3},
		{"Log10", Log10, math.Log10, anyNormal, 2},
		{"Log10 near 1", Log10, func(x float64) float64 { return math.Log1p(x-1) / math.Ln10 }, nearOne, 3},
		{"Exp2", Exp2, math.Exp2, func() float64 { return 2200*r.Float64() - 1100 }, 2},
		{"Exp10", Exp10, func(x float64) float64 { return math.Pow(10, x) }, func() float64 { return 10 * r.NormFloat64() }, 8},
		{"Cbrt", Cbrt, math.Cbrt, func() float64 { return -anyPositive() }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			worst, at := 0.0, 0.0
			for range 200000 {
				x := c.draw()
				if u := ulps(c.got(x), c.want(x)); u > worst {
					worst, at = u, x
				}
			}
			t.Logf("largest difference %.2f ulp at %v", worst, at)
			if worst > c.limit {
				t.Errorf("%v: %v, math has %v: %.2f ulp apart", at, c.got(at), c.want(at), worst)
			}
		})
	}
}

// TestCbrtExact checks the claimed bound itself, by cubing the result in wide arithmetic.
func TestCbrtExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		x := math.Float64frombits(r.Uint64N(0x7ff0000000000000))
		y := Cbrt(x)
		ulp := math.Nextafter(y, math.Inf(1)) - y
		cube := func(v *big.Float) *big.Float {
			s := new(big.Float).SetPrec(300).Mul(v, v)
			return s.Mul(s, v)
		}
		wide := func(v float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(v) }
		lo, hi := wide(y), wide(y)
		lo.Sub(lo, wide(ulp))
		hi.Add(hi, wide(ulp))
		if cube(lo).Cmp(wide(x)) > 0 || cube(hi).Cmp(wide(x)) < 0 {
			t.Fatalf("Cbrt(%v) = %v is more than an ulp off", x, y)
		}
	}
}

func TestSpecialValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"Log2", Log2, 0, -inf}, {"Log2", Log2, -1, nan}, {"Log2", Log2, inf, inf}, {"Log2", Log2, nan, nan},
		{"Log2", Log2, 1, 0}, {"Log2", Log2, 8, 3}, {"Log2", Log2, 0x1p-1074, -1074}, {"Log2", Log2, 0x1p-7, -7},
		{"Log10", Log10, 0, -inf}, {"Log10", Log10, -1, nan}, {"Log10", Log10, inf, inf}, {"Log10", Log10, 1, 0},
		{"Exp2", Exp2, 0, 1}, {"Exp2", Exp2, -inf, 0}, {"Exp2", Exp2, inf, inf}, {"Exp2", Exp2, nan, nan},
		{"Exp2", Exp2, 1023, 0x1p1023}, {"Exp2", Exp2, -1074, 0x1p-1074}, {"Exp2", Exp2, 1024, inf}, {"Exp2", Exp2, -1200, 0},
		{"Exp10", Exp10, 0, 1}, {"Exp10", Exp10, -inf, 0}, {"Exp10", Exp10, inf, inf}, {"Exp10", Exp10, nan, nan},
		{"Exp10", Exp10, 2, 100}, {"Exp10", Exp10, 400, inf}, {"Exp10", Exp10, -400, 0},
		{"Cbrt", Cbrt, 0, 0}, {"Cbrt", Cbrt, 27, 3}, {"Cbrt", Cbrt, -8, -2}, {"Cbrt", Cbrt, 0x1p-1074, math.Cbrt(0x1p-1074)},
		{"Cbrt", Cbrt, inf, inf}, {"Cbrt", Cbrt, -inf, -inf}, {"Cbrt", Cbrt, nan, nan},
	} {
		if got := c.f(c.x); got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.x, got, c.want)
		}
	}
	for k := -1074; k <= 1023; k++ {
		x := math.Ldexp(1, k)
		if Log2(x) != float64(k) || Exp2(float64(k)) != x {
			t.Errorf("2^%d is not exact", k)
		}
	}
}

// TestBits pins results bit by bit: an architecture or compiler that rounds differently fails here.
func TestBits(t *testing.T) {
	for _, v := range bitVectors {
		x := math.Float64frombits(v[0])
		for i, f := range []func(float64) float64{Log2, Log10, Exp2, Exp10, Cbrt} {
			if got := math.Float64bits(f(math.Abs(x))); got != v[i+1] {
				t.Errorf("function %d of |%v| has bits %#x, want %#x", i, x, got, v[i+1])
			}
		}
	}
}

func ExampleLog2() {
	fmt.Println(Log2(1.0/1024), Exp2(-2), Cbrt(27))
	// Output: -10 0.25 3
}
