package tiles

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkCheck opens a block.
func BenchmarkCheck(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 6))
	const rows, cols = 128, 2048
	for _, spread := range []float64{1, 4, 12, 30} {
		codes := make([]byte, rows*cols)
		for i := range codes {
			codes[i] = byte(max(-128, min(127, int(r.NormFloat64()*spread)))) + Zero
		}
		block := AppendBlock(nil, codes, cols, Portable{})
		for name, open := range map[string]func(*Matrix, []byte, int, int) error{"anew": (*Matrix).Open, "known": (*Matrix).OpenKnown} {
			b.Run(name, func(b *testing.B) {
				b.SetBytes(int64(len(codes)))
				var m Matrix
				for b.Loop() {
					if err := open(&m, block, rows, cols); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestKnownTails: of entries before tails none ends one in a block that can be read, whatever has become of its bytes.
func TestKnownTails(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	const rows, cols = 2 * Rows, 6*Columns + 5
	codes := make([]byte, rows*cols)
	for i := range codes {
		codes[i] = byte(max(-128, min(127, int(r.NormFloat64()*4)))) + Zero
	}
	block := AppendBlock(nil, codes, cols, Portable{})
	var m Matrix
	if err := m.Open(block, rows, cols); err != nil {
		t.Fatal(err)
	}
	looked := 0
	for i := range rows / Rows {
		for s := m.Strip(i); len(s.Counts) > 0; s.Counts = s.Counts[CountsSize:] {
			first, n, _ := s.entries()
			for j := range first {
				s.Exceptions[j] |= tailEnd // of m's bytes
				if m.OpenKnown(block, rows, cols) == nil {
					t.Fatalf("strip %d: entry %d", i, j)
				}
				s.Exceptions[j] &^= tailEnd
				looked++
			}
			s.Exceptions = s.Exceptions[n:]
		}
	}
	if looked < 10 {
		t.Errorf("%d entries", looked)
	}
}

// TestAscend: entries that ascend by the short look are well-formed by the long one, and take the row as far.
func TestAscend(t *testing.T) {
	taken := 0
	for i := range 200_000 {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		list := make([]byte, 3+r.IntN(3))
		for j := range list {
			list[j] = byte(j*16+r.IntN(20))&columnBits | byte(r.IntN(2))<<7
			if r.IntN(20) == 0 {
				list[j] = byte(r.Uint32())
			}
		}
		n, row, slot := 1+r.IntN(min(layer, len(list))), r.IntN(Rows), layer*r.IntN(2)
		c := groupCheck{widths: []byte{6, 5}, most: [2]int{2, 4}}
		if slot > 0 {
			c.rows[row] = rowCheck{r.IntN(24), 1}
		}
		short, long := c, c
		if short.ascend(row, slot, list, n) {
			taken++
			if !long.entries(row, list[:n]) || long.rows != short.rows {
				t.Fatalf("case %d: %x, %d entries after %v: %v, %v", i, list, n, c.rows[row], short.rows[row], long.rows[row])
			}
		}
	}
	if taken < 10_000 {
		t.Errorf("%d taken", taken)
	}
}
