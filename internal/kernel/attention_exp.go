package kernel

import "math"

// exp32 is e^x for x ≤ 0, with a relative error below 2⁻²², in float32: x = n·ln 2 + r, a polynomial of r (Cephes, Moshier
// 1989), times 2ⁿ. Below -87 it is 0. A NaN gives a NaN. Attention has its own exponential because detmath's, in float64,
// takes longer than the score's whole dot product.
func exp32(x float32) float32 {
	if x < expLeast {
		return 0
	}
	// The sum's lowest bits are n + 127, the exponent of 2ⁿ.
	t := FMA32(x, math.Log2E, expShifter)
	n := t - expShifter
	r := FMA32(n, -ln2High, x)
	r = FMA32(n, -ln2Low, r)
	p := float32(expCoefficients[0])
	for _, c := range expCoefficients[1:] {
		p = FMA32(p, r, c)
	}
	return float32(p * math.Float32frombits(math.Float32bits(t)<<23))
}

const (
	expLeast   = -87
	expShifter = 0x1.8p23 + 127
	ln2High    = 0x1.63p-1 // few bits: n times it is exact
	ln2Low     = -2.12194440e-4
)

var expCoefficients = [...]float32{
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1,
}
