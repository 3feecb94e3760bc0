package generate

import (
	"context"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// textLookup guesses from the text itself ("prompt lookup", Saxena 2023): where its last tokens stood before, it goes on as it
// did there.
type textLookup struct{}

func (textLookup) guess(_ context.Context, guesses, before, after []int, most int) ([]int, error) {
	return lookup(guesses, before, after, most), nil
}

// lookupLengths are how many tokens must have stood together before, the longest first: three that agree are seldom chance,
// two often are.
var lookupLengths = [...]int{4, 3}

// lookup appends to guesses, at most so many, what followed where the last tokens of a text stood before, the latest place
// first. A text's tokens are those of before, then those of after.
func lookup(guesses []int, before, after []int, most int) []int {
	n := len(before) + len(after)
	at := func(i int) int {
		if i < len(before) {
			return before[i]
		}
		return after[i-len(before)]
	}
	for _, length := range lookupLengths {
		for start := n - length - 1; start >= 0; start-- {
			same := 0
			for same < length && at(start+same) == at(n-length+same) {
				same++
			}
			if same < length {
				continue
			}
			for i := start + length; i < n && most > 0; i++ {
				guesses = append(guesses, at(i))
				most--
			}
			return guesses
		}
	}
	return guesses
}

// DefaultLookup is the Generator.Lookup of a model that runs as planned: where weights are read from files for every token,
// several tokens for one reading cost next to nothing. Else a draft guesses fewer, and without one nothing does.
func DefaultLookup(p *transformer.Plan) int {
	switch {
	case p.ReadsWeights():
		return 16
	case p.Draft != nil:
		return 8
	}
	return 0
}
