package memory

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLedger reserves and releases at random: what is used is never more than the limit, and a
// refusal names what would do.
func TestLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 1000).Draw(t, "limit")
		l := NewLedger(limit)
		var held []int64
		used, peak := int64(0), int64(0)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			if len(held) > 0 && rapid.Bool().Draw(t, "release") {
				n := held[len(held)-1]
				held = held[:len(held)-1]
				l.Release(n)
				used -= n
			} else {
				n := rapid.Int64Range(0, 600).Draw(t, "n")
				err := l.Reserve("this", n)
				switch fits := used+n <= limit; {
				case fits && err == nil:
					used += n
					held = append(held, n)
				case fits || !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), fmt.Sprintf("at least %d bytes", used+n)):
					t.Fatalf("%d of %d with %d used: %v", n, limit, used, err)
				}
			}
			peak = max(peak, used)
			if l.Used() != used || l.Peak() != peak || l.Limit() != limit {
				t.Fatalf("%d and %d, want %d and %d", l.Used(), l.Peak(), used, peak)
			}
		}
	})
	var none *Ledger
	if err := none.Reserve("all", 1<<60); err != nil {
		t.Error(err)
	}
	none.Release(1 << 60)
}
