package cdna

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestAutoBlockRows(t *testing.T) {
	for _, c := range []struct{ rows, cols, want int }{
		{1, 1, 1}, {1, 1 << 40, 1}, {1, math.MaxInt, 1}, {100, 1 << 20, 1},
		{100000, 1024, 233},  // 256 rows would be 256 KiB
		{100000, 4096, 55},   // 64
		{4096, 16384, 13},    // 16
		{100000, 288, 987},   // 910
		{288, 288, 377},      // 987, but 377 take in all rows
		{5, 2, 5}, {4, 2, 5}, // the first Fibonacci number >= rows
		{2, 262144, 1}, {2, 131072, 2},
	} {
		if got := AutoBlockRows(c.rows, c.cols); got != c.want {
			t.Errorf("[%d, %d]: %d rows, want %d", c.rows, c.cols, got, c.want)
		}
	}
}

// The plain reading of the rule: of all Fibonacci numbers the one whose block is nearest.
func TestAutoBlockRowsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols := rapid.IntRange(1, 1<<20).Draw(t, "cols")
		best, distance := 0, math.MaxInt
		for a, b := 1, 2; a < 1<<20; a, b = b, a+b {
			if d := max(a*cols-blockTarget, blockTarget-a*cols); d < distance {
				best, distance = a, d
			}
		}
		if got := AutoBlockRows(1<<30, cols); got != best {
			t.Fatalf("%d columns: %d rows, want %d", cols, got, best)
		}
	})
}

func TestGridCoversEveryRowOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, blockRows := rapid.IntRange(1, 500).Draw(t, "rows"), rapid.IntRange(1, 600).Draw(t, "block rows")
		g, err := newGrid(rows, 3, blockRows, 1)
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		for i := range g.blocks() {
			first, n := g.span(i)
			if first != next || n < 1 || n > blockRows || n*3 > g.maxBlock() {
				t.Fatalf("block %d: rows %d + %d", i, first, n)
			}
			next += n
		}
		if next != rows {
			t.Fatalf("blocks end at row %d of %d", next, rows)
		}
	})
}
