package lattice

// Damping is the damping that suits a Gram matrix of n inputs summed over so many tokens of text: 2n/tokens, within 0.0001
// and 1. It makes up for what the text has not shown of the inputs: without it, errors go where this text has nothing and
// the next one has something. That is near the best of what was measured with other text (docs/QUALITY.md). Of inputs in
// several parts n is the length of one.
func Damping(tokens int64, n int) float64 {
	return min(1, max(1e-4, 2*float64(partLen(n))/float64(max(tokens, 1))))
}
