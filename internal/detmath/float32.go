package detmath

import "math"

// The functions of a transformer's activations take and return float32. They
// compute in float64, with an error far below half a unit in the last place of
// the result, and round once. internal/kernel has SIMD twins of Exp, SiLU, GELUTanh
// and Tanh that take the same steps.

const (
	ln2Hi       = 0x1.62e42feep-1       // the first 32 bits of ln 2: k·ln2Hi is exact for |k| < 2^21
	ln2Lo       = 0x1.a39ef35793c76p-33 // what is left
	sqrt2OverPi = 0.7978845608028654    // √(2/π)
)

// Exp returns e^x.
func Exp(x float32) float32 {
	return float32(exp(float64(x)))
}

// Exp64 returns e^x with a relative error below 2^-40, for reports rather than
// activations.
func Exp64(x float64) float64 { return exp(x) }

// exp returns e^x with a relative error below 2^-40: e^x = 2^k·e^r, |r| <= ln(2)/2, by the Taylor series.
func exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709:
		return math.Inf(1)
	case x < -700:
		return 0
	}
	k := math.RoundToEven(float64(x * math.Log2E))
	r := x - float64(k*ln2Hi)
	r -= float64(k * ln2Lo)
	p := 1.0 / 3628800
	p = float64(p*r) + 1.0/362880
	p = float64(p*r) + 1.0/40320
	p = float64(p*r) + 1.0/5040
	p = float64(p*r) + 1.0/720
	p = float64(p*r) + 1.0/120
	p = float64(p*r) + 1.0/24
	p = float64(p*r) + 1.0/6
	p = float64(p*r) + 0.5
	p = float64(p*r) + 1
	p = float64(p*r) + 1
	return float64(p * math.Float64frombits(uint64(int64(k)+1023)<<52))
}

// SiLU returns x/(1+e^-x).
func SiLU(x float32) float32 {
	v := float64(x)
	return float32(v / (1 + exp(-v)))
}

// GELUTanh returns the tanh approximation of GELU (Hendrycks and Gimpel 2016):
// x/2·(1+tanh(√(2/π)(x+0.044715x³))).
func GELUTanh(x float32) float32 {
	v := float64(x)
	u := float64(sqrt2OverPi * (v + float64(0.044715*float64(v*float64(v*v)))))
	return float32(float64(0.5*v) * (1 + tanh(u)))
}

// GELU returns x·Φ(x), Φ the normal distribution (Hendrycks and Gimpel 2016).
func GELU(x float32) float32 {
	if x != x {
		return x
	}
	v := float64(x)
	tail := float64(0.5 * erfc(float64(math.Abs(v)*(1/math.Sqrt2)))) // Φ(-|x|)
	if v >= 0 {
		tail = 1 - tail
	}
	if tail == 0 {
		return 0 // also of -Inf
	}
	return float32(v * tail)
}

// erfc returns 1 - erf(z) for z >= 0 with a relative error below 2^-38: e^-z²·t·P(t) with t = 1/(1+z/2), where P is the
// Chebyshev interpolation of what is left, in powers of t. Beyond 11 it is 0.
func erfc(z float64) float64 {
	if z > 11 {
		return 0
	}
	t := 1 / (1 + float64(z*0.5))
	p := erfcCoefficients[0]
	for _, c := range erfcCoefficients[1:] {
		p = float64(p*t) + c
	}
	return float64(float64(p*t) * exp(-float64(z*z)))
}

var erfcCoefficients = [...]float64{
	-0.0127629248192047597, 0.0945046955395353755, -0.278861233663303872, 0.346417109635601624, 0.116150761167562243, -1.02687356505889111,
	1.54904515063945261, -1.19331817565679188, 0.583012158782397417, -0.299339743679858755, 0.0625769459634454124, 0.0704176091262318904,
	0.178172819168624849, 0.246659401521883549, 0.28210444150145713, 0.282094549831203956,
}

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float32) float32 { return float32(tanh(float64(x))) }

func tanh(x float64) float64 {
	switch {
	case x > 20:
		return 1
	case x < -20:
		return -1
	case math.Abs(x) < 0x1p-10: // 1-e^-2x would cancel
		return x - float64(float64(x*float64(x*x))*(1.0/3))
	}
	e := exp(float64(-2 * math.Abs(x)))
	return math.Copysign((1-e)/(1+e), x)
}

// π/2 in three parts: k times each of the first two is exact for |k| < 2^20.
const (
	halfPi1 = 0x1.921fb544p0
	halfPi2 = 0x1.0b4611a6p-34
	halfPi3 = 0x1.3198a2e037073p-69
)

// SinCos returns the sine and cosine of x radians for |x| <= 2^20, the angles of
// rotary embeddings, with an error below 2^-45.
func SinCos(x float64) (sin, cos float64) {
	k := math.RoundToEven(float64(x * (2 / math.Pi)))
	r := x - float64(k*halfPi1)
	r -= float64(k * halfPi2)
	r -= float64(k * halfPi3)
	z := float64(r * r)
	s := 1.0 / 6227020800
	s = float64(s*z) - 1.0/39916800
	s = float64(s*z) + 1.0/362880
	s = float64(s*z) - 1.0/5040
	s = float64(s*z) + 1.0/120
	s = float64(s*z) - 1.0/6
	s = r + float64(float64(s*z)*r)
	c := -1.0 / 87178291200
	c = float64(c*z) + 1.0/479001600
	c = float64(c*z) - 1.0/3628800
	c = float64(c*z) + 1.0/40320
	c = float64(c*z) - 1.0/720
	c = float64(c*z) + 1.0/24
	c = float64(c*z) - 0.5
	c = 1 + float64(c*z)
	switch int64(k) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	}
	return -c, s
}
