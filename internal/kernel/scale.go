package kernel

// Scale multiplies each element of y by that of factor, rounding once. A NaN comes out as the canon's. It panics unless
// both are as long.
func Scale(y, factor []float32) {
	if len(y) != len(factor) {
		panicf("Scale: %d factors for %d elements", len(factor), len(y))
	}
	for i, f := range factor {
		y[i] = canonical(y[i] * f)
	}
}

// Multiply returns a · b, a NaN as the canon's.
func Multiply(a, b float32) float32 { return canonical(a * b) }

// Add returns a + b, a NaN as the canon's.
func Add(a, b float32) float32 { return canonical(a + b) }
