package export

import (
	"strings"

	"github.com/helix-substrate/helix-substrate/transformer"
)

// isRotaryTable tells rotary_emb.inv_freq, which old checkpoints store.
func isRotaryTable(name string) bool { return strings.HasSuffix(name, "rotary_emb.inv_freq") }

// headsOf returns how many heads' rows lie in a matrix or bias that rotary embeddings
// turn, 0 for others.
func headsOf(name string, c *transformer.Config) int {
	switch {
	case strings.Contains(name, ".attn_q."):
		return c.Heads
	case strings.Contains(name, ".attn_k."):
		return c.KVHeads
	}
	return 0
}

// neighbours returns which row of halves comes at a row of pairs: within a head of n
// rows, rows i and i + n/2 become 2i and 2i + 1.
func neighbours(n int) func(row int) int {
	return func(row int) int {
		head, i := row/n, row%n
		return head*n + i%2*(n/2) + i/2
	}
}
