package codec

import (
	"math"
	"math/bits"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// Spread is 1024 times the binary logarithm of the root of a mean square. Integers of a
// smaller spread than a sixteenth are as good as all zero.
func Spread(square float64) int {
	return int(math.Round(512 * detmath.Log2(max(square, 1./256))))
}

// RowSpread is the Spread of a row's codes, each compared with the spread of its column's
// class: squares are the sums by class of the squares of the row's n codes.
func RowSpread(squares *[latticeClasses]int64, columns []int, n int) int {
	sum := 0.0
	for k, spread := range columns {
		sum += float64(detmath.Exp2(float64(spread)/-512) * float64(squares[k])) // rounded first, on every machine
	}
	return Spread(sum / float64(n))
}

// Classes sorts spreads into at most n classes, so that each lies near the mean of its class: by
// Lloyd's method (1957), which begins with classes equal in number. It returns the class of
// each, and the means, ascending. Classes in which nothing is left are dropped.
func Classes(spreads []int, n int) (of []byte, means []int) {
	sorted := slices.Sorted(slices.Values(spreads))
	n = min(n, len(sorted))
	bounds := make([]int, n+1) // class k holds sorted[bounds[k]:bounds[k+1]]
	for k := range bounds {
		bounds[k] = k * len(sorted) / n
	}
	for range 32 { // it settles sooner, or nearly
		means = means[:0]
		for k := range len(bounds) - 1 {
			sum := 0
			for _, v := range sorted[bounds[k]:bounds[k+1]] {
				sum += v
			}
			if size := bounds[k+1] - bounds[k]; size > 0 {
				means = append(means, sum/size)
			}
		}
		means = slices.Compact(means)
		next := []int{0}
		for k := 1; k < len(means); k++ {
			at, _ := slices.BinarySearch(sorted, border(means, k))
			next = append(next, at)
		}
		if next = append(next, len(sorted)); slices.Equal(next, bounds) {
			break
		}
		bounds = next
	}
	of = make([]byte, len(spreads))
	for i, v := range spreads {
		of[i] = nearestClass(v, means)
	}
	return of, means
}

// border is the least spread that belongs to class k, above 0.
func border(means []int, k int) int { return (means[k-1] + means[k] + 1) >> 1 }

func nearestClass(spread int, means []int) (class byte) {
	for k := 1; k < len(means); k++ {
		if spread >= border(means, k) {
			class = byte(k)
		}
	}
	return class
}

// LatticeCounts are the codes of a matrix by row and column class.
type LatticeCounts struct {
	Codec  string // one that has a model
	Starts []int  // as LatticeModel.Starts
	// Spreads of the row and the column classes, ascending.
	Rows, Columns []int
	Codes         [][][256]uint64 // by row and column class
}

// Model returns the model that packs the counted codes best, tables included, of those
// that are tried: levels of a quarter, a half, a whole factor of two, or one for all; and
// neighbours have one table where that is shorter.
func (n *LatticeCounts) Model() *LatticeModel {
	var best *LatticeModel
	var bestCost uint64
	for _, step := range []int{256, 512, 1024, 1 << 30} {
		m, cost := n.model(step)
		if best == nil || cost < bestCost {
			best, bestCost = m, cost
		}
	}
	return best
}

// model returns the model whose levels are step apart, and what the codes and the tables
// take with it, in 256ths of a bit.
func (n *LatticeCounts) model(step int) (*LatticeModel, uint64) {
	m := &LatticeModel{
		coder: coderOf(n.Codec), Starts: n.Starts, ColumnSpreads: n.Columns, RowSpreads: n.Rows, Columns: levels(n.Columns, step, latticeLevels*5/8-1), Rows: levels(n.Rows, step, latticeLevels*3/8-1),
	}
	var total uint64
	var merged [256]uint64 // the codes of the last table
	var last latticeTable
	lastLevel, lastCost := 0, uint64(0)
	finish := func() {
		if last != nil {
			m.tables[lastLevel] = last
			total += lastCost
		}
	}
	for level := range latticeLevels {
		var counts, both [256]uint64
		any := false
		for r := range n.Codes {
			for k := range n.Codes[r] {
				if int(m.Rows[r])+int(m.Columns[k]) == level {
					for code, c := range n.Codes[r][k] {
						counts[code] += c
						any = any || c > 0
					}
				}
			}
		}
		if !any {
			continue
		}
		f, cost := m.coder.tableCost(&counts)
		if last != nil {
			for code := range both {
				both[code] = merged[code] + counts[code]
			}
			if g, bothCost := m.coder.tableCost(&both); bothCost <= lastCost+cost {
				merged, last, lastCost = both, g, bothCost
				continue
			}
			finish()
			lastLevel = level
		}
		merged, last, lastCost = counts, f, cost
	}
	finish()
	return m, total
}

// tableCost returns the table for counts, and what these codes and the table take, in
// 256ths of a bit.
func (c *latticeCoder) tableCost(counts *[256]uint64) (latticeTable, uint64) {
	t := c.fit(counts)
	cost := uint64(len(t.Append(nil))) * 8 * 256
	for code, n := range counts {
		if n > 0 {
			hi, lo := bits.Mul64(n, uint64(t.Cost(byte(code))))
			cost += lo + hi
		}
	}
	return t, cost
}

// levels rounds ascending spreads to levels that are step apart, of which the highest is at
// most limit and the lowest 0.
func levels(spreads []int, step, limit int) []byte {
	top := (spreads[len(spreads)-1] - spreads[0] + step/2) / step
	l := make([]byte, len(spreads))
	for i, s := range spreads {
		l[i] = byte(max(0, (s-spreads[0]+step/2)/step-max(0, top-limit)))
	}
	return l
}
