package tokenizer

import "fmt"

// A tokenizer's files come from strangers, and a few bytes of them can ask for years of work or all memory: a regular expression that
// tries every way to cut a text, a normalizer that doubles it thirty times. So each text has an allowance, far above what any known
// model needs, and what goes beyond it is ErrLimit. It is counted, not timed: the same text gives the same answer on every machine.

// work is what is left of the allowance of one text.
type work struct {
	steps  int // of matching: an instruction of a regular expression, a byte walked in a trie or read by a component
	growth int // bytes that components may add to the text, together
	err    error
}

const (
	baseSteps    = 1 << 24 // a fifth of a second
	stepsPerByte = 128     // known models: at most 30
	baseGrowth   = 1 << 16
	growthFactor = 16 // the longest decomposition, of U+FDFA, is 11 times as long
)

// allowance returns the work for a text of n bytes.
func allowance(n int) work {
	return work{steps: baseSteps + stepsPerByte*n, growth: baseGrowth + growthFactor*n}
}

// spend takes n steps. It is false when they are used up, and err set: stop then, with any result.
func (w *work) spend(n int) bool {
	if w.steps -= n; w.steps < 0 && w.err == nil {
		w.err = fmt.Errorf("%w: its components take too many steps on this text", ErrLimit)
	}
	return w.err == nil
}

// grow is spend for a text that becomes n bytes longer, if n is positive. Ask before allocating.
func (w *work) grow(n int) bool {
	if n > 0 {
		if w.growth -= n; w.growth < 0 && w.err == nil {
			w.err = fmt.Errorf("%w: its components make this text more than %d times as long", ErrLimit, growthFactor)
		}
	}
	return w.err == nil
}
