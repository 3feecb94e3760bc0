package generate

import (
	"context"
	"slices"
)

// Guesses are tokens that may come next. The model reads them together with the token drawn last, in one pass through its
// weights, and the sampler draws from each one's logits in turn, with the random numbers that it would have had without
// them: as long as it draws what was guessed, the next logits are there already. What was guessed wrong is taken back. So
// the text and everything that a receipt claims do not depend on guesses; only the time does.

// guesser is where guesses come from.
type guesser interface {
	// guess appends to guesses, at most so many, tokens that may follow a text, whose tokens are those of before, then
	// those of after. An error ends the text.
	guess(ctx context.Context, guesses, before, after []int, most int) ([]int, error)
}

// guessing is how far a sequence guesses.
type guessing struct {
	source  guesser
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

// firstGuesses is how many tokens are guessed at first.
const firstGuesses = 4

// leastGuesses is how many tokens are guessed after guesses that were wrong.
const leastGuesses = 2

// nextMark returns the mark of the token that was drawn last.
func (g *guessing) nextMark() *samplerMark {
	if len(g.marks) < len(g.drawn) {
		g.marks = slices.Grow(g.marks, 1)[:len(g.drawn)]
	}
	return &g.marks[len(g.drawn)-1]
}
