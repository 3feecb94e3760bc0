package codebook

import (
	"cmp"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// solver designs entropy-constrained quantizers of its points: at a price lambda per bit it minimizes
// squared error + lambda·bits (Chou, Lookabaugh and Gray 1989), the bits being those of a Huffman code.
type solver struct {
	points  *points
	entries int
	longest int // bits of the longest code word
	start   Start
	bf16    bool // values are bfloat16 where that costs little

	// With a sidecar, points are the weights of magnitude <= clip only.
	clip        float64 // +Inf: no sidecar
	outliers    float64 // how many weights go there
	sidecarBits float64 // its size

	least *solution // what finest returned
}

// solution is a quantizer for one lambda.
type solution struct {
	*partition
	solver *solver
	lambda float64 // that it was designed for, shifts aside
	snr    float64 // dB
	bits   float64 // bits per weight: indices in a Huffman code, and the sidecar
}

// unlimited is a length that no code word reaches.
const unlimited = 1000

// solve starts from an even grid with 0 in the middle of a cell, which is the best quantizer of a smooth density when
// cells are small (Gish and Pierce 1968; Sullivan 1996 for Laplacian sources): error Δ²/12 and -dD/dR = lambda give
// Δ² = 6·lambda/ln 2.
func (s *solver) solve(lambda float64) solution {
	return s.descend(gridCells(s.points, math.Sqrt(6*lambda/math.Ln2)), lambda)
}

// refine starts from the quantizer of least error, which is the answer itself when bits cost nothing. It serves where the
// number of entries limits the error: a grid merged into so few cells is then no good start.
func (s *solver) refine(lambda float64) solution {
	return s.descend(slices.Clone(s.finest().first), lambda)
}

// descend improves the cells given. Iterating bends a grid to the density, merging takes away cells that cost more than
// they give, and at the end true Huffman lengths and storable values take the place of ideal ones.
func (s *solver) descend(first []int, lambda float64) solution {
	q := newPartition(s.points, first, selfInformation, unrounded)
	for len(q.value) > s.entries {
		q.merge(lambda, s.entries, unlimited)
	}
	q.code = limitedCode(s.longest)
	q.update()
	for range 4 {
		q.iterate(lambda, 1e-5, 12)
		if !q.merge(lambda, s.entries, s.longest) {
			break
		}
	}
	q.code = huffmanCode(s.longest)
	q.update()
	q.iterate(lambda, 1e-6, 8)
	if s.points.exact && len(q.value) == len(s.points.x) {
		return s.measure(q, lambda) // the weights themselves are the values: nothing is lost
	}
	q.store(s.bf16, lambda)
	return s.measure(q, lambda)
}

// finest is the solution of least error, whatever its bits. It is made once.
func (s *solver) finest() solution {
	if s.least == nil {
		q := leastError(s.points, s.entries, s.start, s.bf16)
		q.code = huffmanCode(s.longest)
		q.code(q.bits, q.count)
		t := s.measure(q, 0)
		s.least = &t
	}
	return *s.least
}

// full says whether t has nearly as many cells as there may be.
func (t solution) full() bool {
	return len(t.value) >= min(t.solver.entries-t.solver.entries/16, len(t.points.x))
}

// shift moves the cells' limits to where lambda wants them; values and code words stay.
func (t solution) shift(lambda float64) solution {
	q := t.clone()
	q.assign(lambda)
	return t.solver.measure(q, t.lambda)
}

func (s *solver) measure(q *partition, lambda float64) solution {
	return solution{
		partition: q,
		solver:    s,
		lambda:    lambda,
		snr:       10 * detmath.Log10(s.points.power/q.distortion()),
		bits:      (q.rate() + s.sidecarBits) / s.points.total(),
	}
}

// codebook freezes the solution.
func (t solution) codebook() *Codebook {
	c := t.partition.codebook()
	c.ClipMin, c.ClipMax = float32(-t.solver.clip), float32(t.solver.clip)
	return c
}

// gridCells cuts the points at odd multiples of step/2; far outside, where heavy tails would take no end of cells, it
// lets them grow.
func gridCells(p *points, step float64) []int {
	const growth = 1.0 / 128 // of the distance from 0, or from the mean where that is nearer
	first := []int{0}
	for at := 0; at < len(p.x); {
		x := p.x[at]
		t := float64((math.Floor(x/step-0.5) + 1.5) * step)
		if wide := float64(growth * min(math.Abs(x), math.Abs(x-p.origin))); wide > step {
			t = x + wide
		}
		next := at + 1
		if t > x {
			next = max(next, p.above(t, at))
		}
		at = next
		first = append(first, at)
	}
	return first
}

// merge joins neighbouring cells where that lowers the cost, and the cheapest others as far as there are more than
// entries; no cell takes part twice. It reports whether it joined any. bits must be those of a limitedCode.
func (q *partition) merge(lambda float64, entries, longest int) bool {
	type pair struct {
		left int
		cost float64
	}
	pairs := make([]pair, len(q.value)-1)
	space := q.codeSpace(longest)
	for j := range pairs {
		p, a, b, c := q.points, q.first[j], q.first[j+1], q.first[j+2]
		worse := p.squaredError(a, c) - p.squaredError(a, b) - p.squaredError(b, c)
		pairs[j] = pair{j, worse - float64(lambda*space.saved(q.count[j], q.count[j+1]))}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), a.left-b.left)
	})
	excess := len(q.value) - entries
	taken := make([]bool, len(q.value))
	ends := make([]bool, len(q.first)) // cell limits that go
	n := 0
	for _, c := range pairs {
		if c.cost >= 0 && n >= excess {
			break
		}
		if taken[c.left] || taken[c.left+1] {
			continue
		}
		taken[c.left], taken[c.left+1], ends[c.left+1] = true, true, true
		n++
	}
	kept := q.first[:0]
	for i, f := range q.first {
		if !ends[i] {
			kept = append(kept, f)
		}
	}
	q.first = kept
	q.update()
	return n > 0
}

// codeSpace tells what code words cost in a limitedCode: their own bits, and the code space they take from all others.
type codeSpace struct {
	total  float64 // weights
	spread float64 // a word of probability p takes max(p·spread, least) of the code space
	least  float64
	price  float64 // bits that all other words get shorter by per unit of space given back
}

func (q *partition) codeSpace(longest int) codeSpace {
	c := codeSpace{total: q.points.total(), least: detmath.Exp2(-float64(longest))}
	var limited, others float64
	for j, b := range q.bits {
		if b < float64(longest) {
			others += q.count[j]
		} else {
			limited++
		}
	}
	rest := 1 - float64(limited*c.least)
	c.spread = rest * c.total / others
	c.price = others / (rest * math.Ln2)
	return c
}

// saved is the number of bits saved by giving m and n weights one word for two.
func (c codeSpace) saved(m, n float64) float64 {
	before := c.space(m) + c.space(n)
	after := c.space(m + n)
	return float64(m*c.length(m)) + float64(n*c.length(n)) - float64((m+n)*c.length(m+n)) + float64(c.price*(before-after))
}

// space that a word for n weights takes, and its length.
func (c codeSpace) space(n float64) float64  { return max(n/c.total*c.spread, c.least) }
func (c codeSpace) length(n float64) float64 { return -detmath.Log2(c.space(n)) }
