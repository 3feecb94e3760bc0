package se

import "github.com/helix-substrate/helix-substrate/se/route"

// nearZero is the magnitude below which a weight counts as zero.
const nearZero = 1e-6

// tileSize is the side of the tiles in which block structure is looked for.
const tileSize = 8

// tiles tells scattered zeros from zeros in blocks. The matrix is cut into tiles of
// 8 × 8, smaller at the right and lower edge. Its structure is [route.Block] if at least
// half of all zeros lie in tiles without any other weight, and the other tiles are at
// least half full. So a diagonal matrix, whose tiles are nearly empty, and a matrix of
// zeros are not.
type tiles struct {
	rows, cols int
	row        int      // the next to be added
	filled     []uint32 // weights that are not zero in each tile of the open row of tiles
	zeros      int64    // in all
	emptyZeros int64    // in tiles without any other weight
	places     int64    // in tiles with one
	nonzeros   int64
}

func newTiles(rows, cols int) *tiles {
	return &tiles{rows: rows, cols: cols, filled: make([]uint32, (cols+tileSize-1)/tileSize)}
}

// add takes in the counts of further rows: for each row of tiles that they touch
// those of each tile.
func (t *tiles) add(rows int, counts []uint32) {
	for rows > 0 {
		here := min(rows, tileSize-t.row%tileSize)
		for i := range t.filled {
			t.filled[i] += counts[i]
		}
		counts = counts[len(t.filled):]
		t.row += here
		rows -= here
		if t.row%tileSize == 0 || t.row == t.rows {
			t.closeRow()
		}
	}
}

func (t *tiles) closeRow() {
	height := (t.row-1)%tileSize + 1
	for i, filled := range t.filled {
		area := int64(height * min(tileSize, t.cols-i*tileSize))
		t.zeros += area - int64(filled)
		t.nonzeros += int64(filled)
		if filled == 0 {
			t.emptyZeros += area
		} else {
			t.places += area
		}
	}
	clear(t.filled)
}

// tileRows returns how many rows of tiles the rows [a, b) touch.
func tileRows(a, b int) int { return (b+tileSize-1)/tileSize - a/tileSize }

// countTiles sets counts, [tileRows(a, b)][tiles], to the number of weights in rows
// [a, b) that are not near zero.
func countTiles(counts []uint32, weights []float32, a, b, cols int) {
	across := (cols + tileSize - 1) / tileSize
	clear(counts)
	for r := a; r < b; r++ {
		line := counts[(r/tileSize-a/tileSize)*across:][:across]
		row := weights[(r-a)*cols:][:cols]
		for i := range line {
			n := uint32(0)
			for _, w := range row[i*tileSize : min(cols, (i+1)*tileSize)] {
				if w >= nearZero || w <= -nearZero {
					n++
				}
			}
			line[i] += n
		}
	}
}

// ratio is the share of weights near zero.
func (t *tiles) ratio() float64 { return float64(t.zeros) / float64(t.zeros+t.nonzeros) }

func (t *tiles) structure() string {
	switch {
	case t.ratio() < 0.1:
		return route.Dense
	case t.nonzeros > 0 && 2*t.emptyZeros >= t.zeros && 2*t.nonzeros >= t.places:
		return route.Block
	}
	return route.Random
}
