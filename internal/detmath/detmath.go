// Package detmath holds the few transcendental functions whose results reach output bytes. They give the same bits
// on every architecture, which the math package does not promise: math.Log and its kind have assembly on some
// machines, and the compiler may fuse x*y+z into one rounding on arm64. Here every product is rounded explicitly, or
// fused explicitly with math.FMA.
//
// Results are within two units in the last place of the exact value.
package detmath

import "math"

// Constants as a double-double pair: the float64 nearest to the constant and the float64 nearest to what is left.
const (
	log2E    = math.Log2E
	log2ELo  = 0x1.777d0ffda0d24p-56
	log2Of10 = math.Ln10 / math.Ln2
	// 1 - log2Of10 rounding: log2(10) = log2Of10 + log2Of10Lo.
	log2Of10Lo = 0x1.7f2495fb7fa6dp-53
)

// Log2 returns the binary logarithm of x: NaN for x < 0, -Inf for 0. It is exact for powers of two.
func Log2(x float64) float64 {
	y, e, ok := logParts(x)
	if !ok {
		return y
	}
	p := float64(y * log2E)
	low := math.FMA(y, log2E, -p) + float64(y*log2ELo)
	return float64(e) + (p + low)
}

// Log10 returns the decimal logarithm of x: NaN for x < 0, -Inf for 0.
func Log10(x float64) float64 {
	y, e, ok := logParts(x)
	if !ok {
		return y
	}
	return float64(float64(e)*(math.Ln2/math.Ln10)) + float64(y*(1/math.Ln10))
}

// logParts splits ln(x) into e·ln 2 + y with |y| <= ln(2)/2. When x has no finite logarithm, ok is false and y is the
// answer. The series is ln(m) = 2·artanh(s), s = (m-1)/(m+1).
func logParts(x float64) (y float64, e int, ok bool) {
	switch {
	case x != x || x > math.MaxFloat64:
		return x, 0, false
	case x < 0:
		return math.NaN(), 0, false
	case x == 0:
		return math.Inf(-1), 0, false
	}
	m, e := math.Frexp(x) // [½, 1)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	f := m - 1 // exact
	s := f / (2 + f)
	z := float64(s * s)
	t := 0.0
	for _, c := range artanh {
		t = float64(t*z) + c
	}
	// 2s + 2s·z·t, with 2s written as f - s·f so that its rounding error stays small.
	return f - float64(s*(f-float64(float64(2*z)*t))), e, true
}

// Exp2 returns 2^x. It is exact for integers.
func Exp2(x float64) float64 {
	if x != x {
		return x
	}
	k := math.RoundToEven(x)
	return exp2Parts(k, x-k)
}

// Exp10 returns 10^x.
func Exp10(x float64) float64 {
	if x != x {
		return x
	}
	p := float64(x * log2Of10)
	if math.Abs(p) > 1100 {
		return exp2Parts(p, 0)
	}
	low := math.FMA(x, log2Of10, -p) + float64(x*log2Of10Lo)
	k := math.RoundToEven(p)
	return exp2Parts(k, (p-k)+low)
}

// artanh has the series' coefficients after the first: artanh(s) = s + s³/3 + s⁵/5 + …
var artanh = [...]float64{1. / 25, 1. / 23, 1. / 21, 1. / 19, 1. / 17, 1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3}

// exp2Parts returns 2^(k+r) for an integer k and |r| <= ½, by the Taylor series of e^(r·ln 2).
func exp2Parts(k, r float64) float64 {
	if k > 1024 {
		return math.Inf(1)
	}
	if k < -1080 {
		return 0
	}
	r = float64(r * math.Ln2)
	t := 1.0
	for i := 14.0; i >= 2; i-- {
		t = 1 + float64(t*r)/i
	}
	return math.Ldexp(1+float64(t*r), int(k))
}

// Cbrt returns the cube root of x.
func Cbrt(x float64) float64 {
	if x == 0 || x != x || math.Abs(x) > math.MaxFloat64 {
		return x
	}
	m, e := math.Frexp(math.Abs(x))
	for e%3 != 0 {
		m /= 2
		e++
	}
	// m in [1/8, 1): a straight line is within 8 %; Halley's step triples the correct digits.
	y := 0.45 + float64(0.6*m)
	for range 4 {
		c := float64(float64(y*y) * y)
		y = y * ((c + 2*m) / (2*c + m))
	}
	// One Newton step with the residual taken exactly.
	s := float64(y * y)
	d := math.FMA(y, y, -s)
	res := math.FMA(s, y, -m) + float64(d*y)
	y -= res / float64(3*s)
	return math.Copysign(math.Ldexp(y, e/3), x)
}
