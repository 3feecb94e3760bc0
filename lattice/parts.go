package lattice

// wholeInputs is the most inputs whose Gram matrix is known whole. One of more takes no more memory, and no more work a token,
// than one of so many: 512 MiB in float64, 128 MiB as it is kept.
const wholeInputs = 8192

// MaxInputs is the largest number of inputs of a Factor.
const MaxInputs = 1 << 17

// A Part is a run of inputs, Start to End−1, that are quantized as if they had nothing to do with those of other parts: of
// Σ only the squares of the parts, on its diagonal, are known.
type Part struct{ Start, End int }

// Len returns the number of the part's inputs.
func (p Part) Len() int { return p.End - p.Start }

// Triangle returns the number of values of the lower triangle of the part's Σ.
func (p Part) Triangle() int { return p.Len() * (p.Len() + 1) / 2 }

// Square returns the number of values of the part's Σ.
func (p Part) Square() int { return p.Len() * p.Len() }

// Parts returns the parts of n inputs, 1 to MaxInputs, in order. Up to 8192 are one. More are cut into parts of equal length,
// a multiple of 192 (the last may be shorter): the fewest whose squares have together no more values than that of 8192 inputs.
func Parts(n int) []Part { return cut(n, partLen(n)) }

// partLen is the length of all parts of n inputs but the last.
func partLen(n int) int {
	if n <= wholeInputs {
		return n
	}
	most := max(1, wholeInputs*wholeInputs/n/blockColumns) * blockColumns // n·most bounds the sum of squares
	parts := (n + most - 1) / most
	return ((n+parts-1)/parts + blockColumns - 1) / blockColumns * blockColumns
}

// cut cuts n inputs into parts of a length.
func cut(n, length int) []Part {
	var parts []Part
	for start := 0; start < n; start += length {
		parts = append(parts, Part{start, min(start+length, n)})
	}
	return parts
}

// GramLen returns the number of values in which NewFactor takes Σ of n inputs: the lower triangles of its parts.
func GramLen(n int) (values int) {
	for _, p := range Parts(n) {
		values += p.Triangle()
	}
	return values
}

// SquareLen returns the number of values in the squares of the parts of n inputs, one after another.
func SquareLen(n int) (values int) {
	for _, p := range Parts(n) {
		values += p.Square()
	}
	return values
}
