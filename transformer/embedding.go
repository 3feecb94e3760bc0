package transformer

import "github.com/helix-substrate/helix-substrate/arch"

// embedding is what becomes of a token's embedding before the first layer, by its position: all parts may be nil.
type embedding struct {
	positions []float32 // [Config.Positions, hidden]
	types     []float32 // [Config.TokenTypes, hidden], of which the first row is used
	norm      []float32
}

// enter adds to the embedding x of the token at a position and normalizes it, in place.
func (e *embedding) enter(c *arch.Config, x []float32, position int) {
	if e.types != nil {
		for i, v := range e.types[:c.Hidden] {
			x[i] += v
		}
	}
	if e.positions != nil {
		for i, v := range e.positions[(c.FirstPosition+position)*c.Hidden:][:c.Hidden] {
			x[i] += v
		}
	}
	if e.norm != nil {
		normOf(c, x, x, e.norm)
	}
}

// embeddingTables is how many numbers of the embedding's lie in the Go heap.
func embeddingTables(c *arch.Config) int {
	n := (c.Positions + c.TokenTypes) * c.Hidden
	if c.EmbedNorm {
		n += 2 * c.Hidden
	}
	return n
}
