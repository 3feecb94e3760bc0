package codebook

import (
	"math"
	"slices"
)

// partition is a quantizer of points in the making: cell j holds points first[j] to first[j+1] and is decoded as
// value[j] at a cost of bits[j].
type partition struct {
	points *points
	first  []int // len(value)+1
	value  []float64
	bits   []float64
	count  []float64 // weights in cell j
	bound  []float64 // where cell j ends and j+1 begins; set by assign
	code   code      // what sets bits
	// round maps a centroid to the nearest value that may be stored.
	round func(float64) float64
}

// newPartition takes cell limits, drops empty cells and sets values and bits.
func newPartition(p *points, first []int, code code, round func(float64) float64) *partition {
	q := &partition{points: p, first: first, code: code, round: round}
	q.update()
	return q
}

// clone shares nothing that iterating changes.
func (q *partition) clone() *partition {
	c := *q
	c.first, c.value = slices.Clone(q.first), slices.Clone(q.value)
	c.count, c.bits = slices.Clone(q.count), slices.Clone(q.bits)
	c.bound = slices.Clone(q.bound)
	return &c
}

// update sets every cell's value to its centroid and its bits to its code length: Lloyd's second condition. Empty cells
// go, and so do cells whose value is that of the cell before, by joining it.
func (q *partition) update() {
	p, first := q.points, q.first
	q.value, q.count = q.value[:0], q.count[:0]
	n := 0
	for j := range len(first) - 1 {
		lo, hi := first[j], first[j+1]
		if lo == hi {
			continue
		}
		v := q.round(p.centroid(lo, hi))
		if n > 0 && v <= q.value[n-1] {
			first[n] = hi
			continue
		}
		first[n], first[n+1] = lo, hi
		q.value = append(q.value, v)
		n++
	}
	q.first = first[:n+1]
	for j := range n {
		q.count = append(q.count, p.count[q.first[j+1]]-p.count[q.first[j]])
	}
	q.bits = slices.Grow(q.bits[:0], n)[:n]
	q.code(q.bits, q.count)
}

// assign moves each point to the cell where error + lambda·bits is least: Lloyd's first condition, made rate-aware by
// Chou, Lookabaugh and Gray (1989). The cost of each cell is a line in x once x² is taken away, so the cells are the
// lower envelope of lines, and cells that are nowhere cheapest disappear.
func (q *partition) assign(lambda float64) (changed bool) {
	p := q.points
	kept := q.envelope(lambda)
	first := make([]int, 1, len(kept)+1)
	q.bound = q.bound[:0]
	for i := 1; i < len(kept); i++ {
		t := q.threshold(kept[i-1], kept[i], lambda)
		q.bound = append(q.bound, t)
		first = append(first, max(first[i-1], p.above(t, q.first[kept[i]])))
	}
	first = append(first, len(p.x))
	changed = !slices.Equal(first, q.first)
	q.first = first
	for i, j := range kept {
		q.value[i], q.bits[i] = q.value[j], q.bits[j]
		q.count[i] = p.count[first[i+1]] - p.count[first[i]]
	}
	n := len(kept)
	q.value, q.bits, q.count = q.value[:n], q.bits[:n], q.count[:n]
	return changed
}

// envelope returns the cells that are cheapest somewhere, in order.
func (q *partition) envelope(lambda float64) []int {
	kept := make([]int, 0, len(q.value))
	limit := make([]float64, 0, len(q.value)) // limit[i]: where kept[i] takes over from kept[i-1]
	for j := range q.value {
		t := 0.0
		for len(kept) > 0 {
			t = q.threshold(kept[len(kept)-1], j, lambda)
			if len(kept) == 1 || t > limit[len(kept)-1] {
				break
			}
			kept, limit = kept[:len(kept)-1], limit[:len(limit)-1]
		}
		kept, limit = append(kept, j), append(limit, t)
	}
	return kept
}

// threshold is where cells i < j cost the same.
func (q *partition) threshold(i, j int, lambda float64) float64 {
	return q.limit(i, j, q.value[i], q.value[j], lambda)
}

// limit is the threshold if the values of cells i and j were a < b.
func (q *partition) limit(i, j int, a, b, lambda float64) float64 {
	mid := middle(a, b)
	if lambda == 0 {
		return mid
	}
	p := q.points
	// Bits are paid per weight, errors per mass.
	count := q.count[i] + q.count[j]
	mass := p.mass[q.first[i+1]] - p.mass[q.first[i]] + p.mass[q.first[j+1]] - p.mass[q.first[j]]
	if mass <= 0 {
		return mid
	}
	return mid + float64(lambda*(count/mass))*(q.bits[j]-q.bits[i])/(2*(b-a))
}

// distortion is the sum of squared errors.
func (q *partition) distortion() float64 {
	sum := q.points.inBin
	for j, v := range q.value {
		sum += q.points.errorAbout(q.first[j], q.first[j+1], v)
	}
	return sum
}

// rate is the number of bits for all weights.
func (q *partition) rate() float64 {
	var sum float64
	for j, b := range q.bits {
		sum += float64(b * q.count[j])
	}
	return sum
}

// cost is what iterate lowers.
func (q *partition) cost(lambda float64) float64 { return q.distortion() + float64(lambda*q.rate()) }

// iterate alternates update and assign until nothing moves, the cost falls by less than the fraction tol in a step, or
// after maxSteps.
func (q *partition) iterate(lambda, tol float64, maxSteps int) {
	cost := math.Inf(1)
	for range maxSteps {
		if !q.assign(lambda) {
			return
		}
		q.update()
		next := q.cost(lambda)
		if cost-next <= float64(tol*next) {
			break
		}
		cost = next
	}
	q.assign(lambda)
}

// codebook freezes the partition as assign left it. Bounds move to the ends of bins, which are not far, so that every
// weight goes where its bin was counted and the estimate of the error holds.
func (q *partition) codebook() *Codebook {
	bounds := slices.Clone(q.bound)
	for j := range bounds {
		if k := q.first[j+1]; k > 0 && !q.points.exact {
			bounds[j] = q.points.edge(k-1, 1)
		}
	}
	return newCodebook(q.value, bounds)
}
