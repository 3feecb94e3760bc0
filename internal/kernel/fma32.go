package kernel

import "math"

// FMA32 returns a·b + c rounded once to float32, to nearest even: the fused
// multiply-add of IEEE 754, subnormal results included. Which NaN comes out
// for a NaN is not specified.
//
// The product of two float32 is exact in float64, so only the sum and the
// conversion round. Rounding twice goes wrong only if the first rounding lands
// on a point halfway between two float32; then the sum is rounded to odd
// instead, which keeps the knowledge of what was cut off (Boldo & Melquiond,
// "Emulation of FMA and correctly rounded sums", 2008).
func FMA32(a, b, c float32) float32 {
	product := float64(a) * float64(b) // exact, so fusing it with the sum changes nothing
	sum := product + float64(c)
	const (
		droppedBits = 1<<29 - 1 // float64 has 29 more mantissa bits than float32
		halfway     = 1 << 28
		signBit     = 1 << 63
		minNormal   = (1023 - 126) << 52 // bits of the float64 2⁻¹²⁶
	)
	bits := math.Float64bits(sum)
	if bits&droppedBits != halfway && bits&^signBit >= minNormal {
		return float32(sum)
	}
	return float32(roundToOdd(sum, product, float64(c)))
}

// roundToOdd turns sum, the nearest float64 to a + b, into a + b rounded to
// odd: if a + b is not exact, the neighbour of it whose last bit is one.
func roundToOdd(sum, a, b float64) float64 {
	if sum == 0 || math.IsInf(sum, 0) || sum != sum {
		return sum
	}
	// The error of the sum, exactly (Knuth's two-sum).
	t := sum - a
	e := (a - (sum - t)) + (b - t)
	bits := math.Float64bits(sum)
	if e == 0 || bits&1 == 1 {
		return sum
	}
	if (e > 0) == (sum > 0) {
		return math.Float64frombits(bits + 1)
	}
	return math.Float64frombits(bits - 1)
}

// canonical replaces any NaN by the one quiet NaN of the canon.
func canonical(x float32) float32 {
	if x != x {
		return math.Float32frombits(0x7FC00000)
	}
	return x
}
