package codebook

import (
	"cmp"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// A code gives each cell the length of its code word, in bits, from the cells' counts, which are positive.
type code func(bits, counts []float64)

// selfInformation is the ideal entropy coder: -log2 p.
func selfInformation(bits, counts []float64) {
	var total float64
	for _, n := range counts {
		total += n
	}
	for j, n := range counts {
		bits[j] = detmath.Log2(total / n)
	}
}

// limitedCode is an ideal coder whose words have at most longest bits: rare cells get that many, and what they take of
// the code space (Kraft's sum) lengthens all other words by the same amount. It is the smooth stand-in for huffmanCode.
func limitedCode(longest int) code {
	least := detmath.Exp2(-float64(longest)) // code space of the longest word
	return func(bits, counts []float64) {
		selfInformation(bits, counts)
		var total float64
		for _, n := range counts {
			total += n
		}
		shift, rare := 0.0, 0
		for {
			var others float64
			n := 0
			for j, b := range bits {
				if b+shift >= float64(longest) {
					n++
				} else {
					others += counts[j]
				}
			}
			if n == rare || n == len(bits) {
				break
			}
			rare = n
			shift = detmath.Log2(others / total / (1 - float64(float64(n)*least)))
		}
		for j := range bits {
			bits[j] = min(bits[j]+shift, float64(longest))
		}
	}
}

// huffmanCode gives the lengths of the best prefix code whose words have at most longest bits, by package-merge
// (Larmore and Hirschberg 1990). One cell alone costs nothing. longest must be at least 8.
func huffmanCode(longest int) code {
	return func(bits, counts []float64) {
		n := len(counts)
		clear(bits)
		if n == 1 {
			return
		}
		order := make([]int, n)
		for j := range order {
			order[j] = j
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(counts[a], counts[b]), a-b) })
		// Row by row: the leaves merged with the pairs of the row before. single[r][i] says whether item i of row r is a leaf.
		single := make([][]bool, longest)
		flags := make([]bool, 0, 2*n*longest)
		row := make([]float64, 0, 2*n)
		pairs := make([]float64, 0, n)
		for r := range single {
			row = row[:0]
			for leaf, pair := 0, 0; leaf < n || pair < len(pairs); {
				if pair == len(pairs) || leaf < n && counts[order[leaf]] <= pairs[pair] {
					row = append(row, counts[order[leaf]])
					flags = append(flags, true)
					leaf++
				} else {
					row = append(row, pairs[pair])
					flags = append(flags, false)
					pair++
				}
			}
			single[r] = flags[len(flags)-len(row):]
			pairs = pairs[:0]
			for i := 0; i+1 < len(row); i += 2 {
				pairs = append(pairs, row[i]+row[i+1])
			}
		}
		// Take the cheapest 2n-2 items of the last row; a leaf taken adds a bit, a pair takes two items of the row before.
		take := 2*n - 2
		for r := longest - 1; r >= 0; r-- {
			leaves := 0
			for _, leaf := range single[r][:take] {
				if leaf {
					bits[order[leaves]]++
					leaves++
				}
			}
			take = 2 * (take - leaves)
		}
	}
}
