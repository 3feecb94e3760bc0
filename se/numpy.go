package se

import "gonum.org/v1/gonum/mathext/prng"

// sampleSeed is the seed of the original's sample of neighbours.
const sampleSeed = 42

// choose draws count of the numbers 0..n−1 without replacement, exactly as NumPy's
// legacy RandomState(42).choice(n, count, replace=False) does: the first of a
// permutation, which is a Fisher–Yates shuffle from the end whose indices come from
// MT19937 by masked rejection. It needs 4 bytes for each of the n.
func choose(n, count int) []int {
	source := prng.NewMT19937()
	source.Seed(sampleSeed)
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	for i := n - 1; i > 0; i-- {
		mask := maskFor(uint32(i))
		j := source.Uint32() & mask
		for j > uint32(i) {
			j = source.Uint32() & mask
		}
		order[i], order[j] = order[j], order[i]
	}
	chosen := make([]int, count)
	for i := range chosen {
		chosen[i] = int(order[i])
	}
	return chosen
}

// maskFor returns the smallest 2^k − 1 that is at least x.
func maskFor(x uint32) uint32 {
	for shift := 1; shift < 32; shift *= 2 {
		x |= x >> shift
	}
	return x
}
