package cdna

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// columnClasses are the classes of a matrix's columns: columns of like spread share tables in the file, and lie together in
// memory.
type columnClasses struct {
	of      []byte // by column
	spreads []int  // by class: as codec.Spread, ascending
	starts  []int  // as Lattice.Starts
	order   []uint32
}

// chooseClasses sorts the columns by the spread of their integers into at most n classes.
func chooseClasses(m *LatticeMatrix, n int) (c columnClasses, err error) {
	if n < 1 || n > maxClasses {
		return c, fmt.Errorf("%w: %d classes, 1 to %d", ErrHeader, n, maxClasses)
	}
	squares := make([]int64, m.Cols)
	for i := range m.Rows {
		for j, code := range m.Codes[i*m.Cols:][:m.Cols] {
			z := int64(code) - LatticeZero
			squares[j] += z * z
		}
	}
	logs := make([]int, m.Cols)
	for j, sum := range squares {
		logs[j] = codec.Spread(float64(sum) / float64(m.Rows))
	}
	c.of, c.spreads = codec.Classes(logs, n)
	c.starts, c.order = classOrder(c.of, len(c.spreads))
	return c, nil
}

// arrange sets line to a row of codes in the order of the classes.
func (c *columnClasses) arrange(line, row []byte) {
	for place, column := range c.order {
		line[place] = row[column]
	}
}

// packedSize is what m's codes take in memory.
func (c *columnClasses) packedSize(m *LatticeMatrix, g grid) (size tiles.Size) {
	strip := make([]byte, tiles.Rows*m.Cols)
	for i := range g.blocks() {
		first, n := g.span(i)
		for row := first; row < first+n; row += tiles.Rows {
			rows := min(tiles.Rows, first+n-row)
			for r := range rows {
				c.arrange(strip[r*m.Cols:][:m.Cols], m.Codes[(row+r)*m.Cols:][:m.Cols])
			}
			size.Add(tiles.Measure(strip[:rows*m.Cols], m.Cols))
		}
	}
	return size
}

// model counts the codes by the classes of their column and, at most n, of their row, and returns the tables that a codec has
// for them.
func (c *columnClasses) model(m *LatticeMatrix, encoding string, n int) *codec.LatticeModel {
	starts, classes := codec.LatticeStarts(encoding, c.starts), make([]byte, m.Cols)
	for k := range len(starts) - 1 {
		for _, column := range c.order[starts[k]:starts[k+1]] {
			classes[column] = byte(k)
		}
	}
	logs := make([]int, m.Rows)
	for i := range logs {
		var squares [maxClasses]int64
		for j, code := range m.Codes[i*m.Cols:][:m.Cols] {
			z := int64(code) - LatticeZero
			squares[classes[j]] += z * z
		}
		logs[i] = codec.RowSpread(&squares, c.spreads, m.Cols)
	}
	of, spreads := codec.Classes(logs, n)
	counts := codec.LatticeCounts{Codec: encoding, Starts: starts, Rows: spreads, Columns: c.spreads, Codes: make([][][256]uint64, len(spreads))}
	for r := range counts.Codes {
		counts.Codes[r] = make([][256]uint64, len(c.spreads))
	}
	for i, r := range of {
		for j, code := range m.Codes[i*m.Cols:][:m.Cols] {
			counts.Codes[r][classes[j]][code]++
		}
	}
	return counts.Model()
}
