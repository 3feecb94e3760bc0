package tokenizer

import (
	"fmt"
)

// expression is a regular expression in the syntax of Oniguruma, which tokenizer.json speaks: it finds what Oniguruma would, but
// does not try the same thing twice. It is immutable and safe for concurrent use.
//
// Matching backtracks, as in every engine with look-arounds and greedy and lazy choices. What makes that exponential is that a choice
// (an instruction and a place in the text) is tried again after it has failed; so, once a search takes long, failed choices are
// remembered, and each fails once: time is at most instructions times text. Where that is not possible (a repetition of what may be
// empty remembers its last place; memory) the allowance for the text ends the search.
type expression struct {
	code    []instruction
	choices int // how many instructions are choices
	marks   int // how many places are remembered by repetitions of what may be empty
}

// instruction is one step of matching. The next one follows, unless x says otherwise.
type instruction struct {
	op       operation
	set      *charset
	x, y, n  int32 // see operation
	negative bool
}

type operation uint8

const (
	opSet    operation = iota // a character of set
	opChoice                  // try x, then y; n is the choice's number
	opJump                    // go on at x
	opAtomic                  // what follows, up to opEnd; then go on at x, with no way back
	opAhead                   // what follows must match here (or must not); go on at x
	opBehind                  // what follows must match between y and n characters before and end here; go on at x
	opEnd                     // the end of the whole, or of a part of its own
	opMark                    // remember the place as x
	opMoved                   // go on at x if the place is not the one remembered as y
	opAssert                  // the place must be of the kind x, a nodeKind
)

const (
	maxInstructions = 4096    // of one expression; those of known models have less than 100
	maxCompiled     = 1 << 16 // nodes visited while compiling: repetitions of nothing have no instructions
)

// newExpression compiles a regular expression. Errors wrap ErrUnsupported.
func newExpression(text string) (*expression, error) {
	tree, err := parseExpression(text)
	if err == nil {
		c := &compiler{e: new(expression)}
		if err = c.compile(tree); err == nil {
			err = c.emit(instruction{op: opEnd})
		}
		if err == nil {
			return c.e, nil
		}
	}
	return nil, fmt.Errorf("%w: regular expression %.200q: %v", ErrUnsupported, text, err)
}

// linear tells whether any search takes at most instructions times text steps, and a few bytes of memory for one of text.
func (e *expression) linear() bool {
	for _, i := range e.code {
		if i.op == opAhead || i.op == opBehind || i.op == opAtomic { // what succeeds in these may be matched again
			return false
		}
	}
	return e.marks == 0 && e.choices <= rememberedPerByte
}

type compiler struct {
	e       *expression
	visited int
}

func (c *compiler) emit(i instruction) error {
	if len(c.e.code) >= maxInstructions {
		return fmt.Errorf("more than %d instructions", maxInstructions)
	}
	c.e.code = append(c.e.code, i)
	return nil
}

// here is the place of the next instruction.
func (c *compiler) here() int32 { return int32(len(c.e.code)) }

func (c *compiler) compile(n *node) error {
	if c.visited++; c.visited > maxCompiled {
		return fmt.Errorf("more than %d parts", maxCompiled)
	}
	switch n.kind {
	case nodeSet:
		return c.emit(instruction{op: opSet, set: n.set})
	case nodeSequence:
		for _, part := range n.parts {
			if err := c.compile(part); err != nil {
				return err
			}
		}
		return nil
	case nodeAlternatives:
		return c.alternatives(n.parts)
	case nodeRepeat:
		if n.greed == possessive {
			return c.subexpression(instruction{op: opAtomic}, func() error { return c.repeat(n) })
		}
		return c.repeat(n)
	case nodeAtomic:
		return c.subexpression(instruction{op: opAtomic}, func() error { return c.compile(n.parts[0]) })
	case nodeLookAhead:
		return c.subexpression(instruction{op: opAhead, negative: n.negative}, func() error { return c.compile(n.parts[0]) })
	case nodeLookBehind:
		low, high := n.parts[0].length()
		if high < 0 {
			return fmt.Errorf("a look-behind without a limit")
		}
		return c.subexpression(instruction{op: opBehind, y: int32(low), n: int32(high), negative: n.negative}, func() error { return c.compile(n.parts[0]) })
	}
	return c.emit(instruction{op: opAssert, x: int32(n.kind)})
}

// subexpression compiles a part that is matched for itself.
func (c *compiler) subexpression(i instruction, part func() error) error {
	at := c.here()
	if err := c.emit(i); err != nil {
		return err
	}
	if err := part(); err != nil {
		return err
	}
	if err := c.emit(instruction{op: opEnd}); err != nil {
		return err
	}
	c.e.code[at].x = c.here()
	return nil
}

func (c *compiler) alternatives(parts []*node) error {
	var jumps []int32
	for i, part := range parts {
		choice := c.here()
		last := i == len(parts)-1
		if !last {
			if err := c.choice(); err != nil {
				return err
			}
		}
		if err := c.compile(part); err != nil {
			return err
		}
		if !last {
			jumps = append(jumps, c.here())
			if err := c.emit(instruction{op: opJump}); err != nil {
				return err
			}
			c.e.code[choice].x, c.e.code[choice].y = choice+1, c.here()
		}
	}
	for _, jump := range jumps {
		c.e.code[jump].x = c.here()
	}
	return nil
}

func (c *compiler) choice() error {
	n := c.e.choices
	c.e.choices++
	return c.emit(instruction{op: opChoice, n: int32(n)})
}

// choose sets where the choice at a place leads: into the repetition behind it or out of it.
func (c *compiler) choose(at, out int32, g greed) {
	if c.e.code[at].x, c.e.code[at].y = at+1, out; g == lazy {
		c.e.code[at].x, c.e.code[at].y = out, at+1
	}
}

func (c *compiler) repeat(n *node) error {
	inside := n.parts[0]
	for range n.min {
		if err := c.compile(inside); err != nil {
			return err
		}
	}
	if n.max >= 0 {
		var choices []int32
		for range n.max - n.min {
			choices = append(choices, c.here())
			if err := c.choice(); err != nil {
				return err
			}
			if err := c.compile(inside); err != nil {
				return err
			}
		}
		for _, at := range choices {
			c.choose(at, c.here(), n.greed)
		}
		return nil
	}
	at := c.here()
	if err := c.choice(); err != nil {
		return err
	}
	low, _ := inside.length()
	mark := int32(c.e.marks)
	if low == 0 { // a turn that reads nothing is the last
		c.e.marks++
		if err := c.emit(instruction{op: opMark, x: mark}); err != nil {
			return err
		}
	}
	if err := c.compile(inside); err != nil {
		return err
	}
	again := instruction{op: opJump, x: at}
	if low == 0 {
		again = instruction{op: opMoved, x: at, y: mark}
	}
	if err := c.emit(again); err != nil {
		return err
	}
	c.choose(at, c.here(), n.greed)
	return nil
}

// longestLookBehind bounds look-behinds, in characters.
const longestLookBehind = 255

// length returns how many characters a node matches at least and at most; -1: more than longestLookBehind.
func (n *node) length() (low, high int) {
	switch n.kind {
	case nodeSet:
		return 1, 1
	case nodeSequence, nodeAtomic:
		for _, part := range n.parts {
			l, h := part.length()
			low = min(low+l, longestLookBehind+1)
			if high += h; h < 0 || high > longestLookBehind {
				high = -1 << 20
			}
		}
	case nodeAlternatives:
		low = longestLookBehind + 1
		for _, part := range n.parts {
			l, h := part.length()
			low = min(low, l)
			if high = max(high, h); h < 0 {
				high = 1 << 20
			}
		}
	case nodeRepeat:
		l, h := n.parts[0].length()
		low, high = min(l*n.min, longestLookBehind+1), h*n.max
		if h < 0 || n.max < 0 && h > 0 {
			high = -1
		}
		high = max(high, -1)
	}
	if high < 0 || high > longestLookBehind {
		high = -1
	}
	return low, high
}
