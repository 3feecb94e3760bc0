package generate

import (
	"math/rand/v2"
	"slices"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// Guesses are tokens that may come next. The model reads them together with the token drawn last, in one pass through its
// weights, and the sampler draws from each one's logits in turn, with the random numbers that it would have had without
// them: as long as it draws what was guessed, the next logits are there already. What was guessed wrong is taken back. So
// the text and everything that a receipt claims do not depend on guesses; only the time does.
//
// They come from the text itself ("prompt lookup", Saxena 2023): where its last tokens stood before, it goes on as it did
// there.

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

// guessing is how far a sequence guesses.
type guessing struct {
	most    int // guesses in a step; grows while they come true
	guesses []int
	first   samplerMark   // before this step
	marks   []samplerMark // after each token drawn in this step
	drawn   []int         // in this step
	wrong   bool          // a guess: what follows it is not drawn from
}

// learn takes note of how many guesses came true.
func (g *guessing) learn(right, limit int) {
	switch {
	case len(g.guesses) == 0:
	case right == len(g.guesses):
		g.most = min(2*g.most, limit)
	default:
		g.most = min(max(leastGuesses, right+1), limit)
	}
}

// DefaultLookup is the Generator.Lookup of a model that runs as planned: where weights are read from files for every token,
// several tokens for one reading cost next to nothing.
func DefaultLookup(p *transformer.Plan) int {
	if p.ReadsWeights() {
		return 16
	}
	return 0
}

// firstGuesses is how many tokens are guessed at first.
const firstGuesses = 4

// leastGuesses is how many tokens are guessed after guesses that were wrong.
const leastGuesses = 2

// samplerMark is where a sampler stood.
type samplerMark struct {
	random rand.PCG
	recent []int
}

// mark notes where the sampler stands.
func (s *Sampler) mark(m *samplerMark) {
	m.random, m.recent = *s.state, append(m.recent[:0], s.recent...)
}

// goBack returns to a mark.
func (s *Sampler) goBack(m *samplerMark) {
	*s.state, s.recent = m.random, append(s.recent[:0], m.recent...)
}

// nextMark returns the mark of the token that was drawn last.
func (g *guessing) nextMark() *samplerMark {
	if len(g.marks) < len(g.drawn) {
		g.marks = slices.Grow(g.marks, 1)[:len(g.drawn)]
	}
	return &g.marks[len(g.drawn)-1]
}
