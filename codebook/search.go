package codebook

import (
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// goal is what a search wants: gap, given in dB, falls as lambda rises, and should come near 0 on the side given, +1 or -1.
type goal struct {
	gap       func(solution) float64
	side      float64
	tolerance float64
}

const coarse = 5 // times the tolerance: what trim takes up

// aim is the gap that leaves trim the least to do.
func (g goal) aim() float64 { return float64(g.side * g.tolerance * coarse / 2) }

func (g goal) metBy(t solution) bool { return g.gap(t)*g.side >= 0 }

// prefer returns the better of two solutions: above the gap the one with fewer bits, below it that with less error.
func (g goal) prefer(best, t solution, ok bool) (solution, bool) {
	met := g.metBy(t)
	if !ok || met && (g.side > 0 && t.bits < best.bits || g.side < 0 && t.snr > best.snr) {
		return t, met
	}
	return best, ok
}

// search looks for the best solution that meets the goal, and tells whether there is one. Otherwise it returns that of
// least error for side +1, and the last tried for -1.
func (s *solver) search(lambda float64, g goal) (best solution, ok bool) {
	if len(s.points.x) <= s.entries {
		best, ok = s.finest(), g.metBy(s.finest()) // few values may take fewer bits than approximations to them
	}
	full := false // the number of entries limits the error
	solve := func(lambda float64) (t solution, end bool) {
		t = s.solve(lambda)
		if !full && t.full() {
			full = true
			end = g.gap(s.finest()) <= 0 // nothing has more of either
		}
		return t, end
	}
	b := bracket{lambda: lambda}
	if b.close(solve, g) {
		return s.finest(), g.metBy(s.finest())
	}
	const far = 1 // dB that only another start can bridge
	best, ok = b.best(best, ok, g)
	if full || !ok || math.Abs(g.gap(best)) > far {
		f := s.finest()
		best, ok = g.prefer(best, f, ok)
		if g.gap(f) <= 0 {
			return best, ok
		}
		b = bracket{lambda: b.lambda, above: &f}
		b.close(func(lambda float64) (solution, bool) { return s.refine(lambda), false }, g)
		best, ok = b.best(best, ok, g)
	}
	return best, ok
}

// ladder improves on t by trying prices around its own, always the same ones. Where entries are short, one of two designs
// of almost one price may be better at everything; so that no wish is answered worse than a more modest one, all of them
// must see the same designs.
func (t solution) ladder(ok bool, g goal) (solution, bool) {
	const perOctave, down, up = 6, 12, 6 // rungs: a grid merged into too few cells is that of a much higher price
	const near = 0.3                     // dB that trim may take up
	s, best := t.solver, t
	if s.least == nil || t.lambda == 0 {
		return best, ok
	}
	middle := math.Round(perOctave * detmath.Log2(t.lambda))
	for i := -down; i <= up; i++ {
		lambda := detmath.Exp2((middle + float64(i)) / perOctave)
		for _, u := range []solution{s.solve(lambda), s.refine(lambda)} {
			best, ok = g.prefer(best, u, ok)
			if math.Abs(g.gap(u)) < near {
				u, _ = trim(u, g)
				best, ok = g.prefer(best, u, ok)
			}
		}
	}
	return best, ok
}

// bracket is two solutions between which the goal lies.
type bracket struct {
	above, below *solution // of the goal's aim; nil = none found
	lambda       float64   // to be tried next
}

// close draws the bracket together until one end is within what trim takes up, there is nothing nearer, or solve says to
// end; it reports the latter.
func (b *bracket) close(solve func(lambda float64) (t solution, end bool), g goal) (ended bool) {
	const maxSolves, maxStuck = 16, 4
	var last, step float64 // the gap before, and the step from it in dB
	stuck := 0
	for range maxSolves {
		t, end := solve(b.lambda)
		if end {
			return true
		}
		gap := g.gap(t)
		if gap > g.aim() {
			b.above = &t
		} else {
			b.below = &t
		}
		if gap*g.side >= 0 && math.Abs(gap) <= coarse*g.tolerance {
			break
		}
		if b.above != nil && b.below != nil {
			next := b.between(g)
			if next == 0 || next == b.lambda {
				break
			}
			b.lambda = next
			continue
		}
		// Where lambda makes no difference go farther, but not for ever.
		if step != 0 && math.Abs(last-gap) < 0.01*math.Abs(step) {
			stuck++
		}
		if stuck == maxStuck {
			break
		}
		last, step = gap, float64((gap-g.aim())*float64(int(1)<<(2*stuck)))
		step = min(max(step, -30), 30)
		if math.Abs(step) < g.tolerance {
			step = math.Copysign(g.tolerance, step)
		}
		b.lambda *= detmath.Exp10(step / 10)
	}
	return false
}

// between is a lambda between those of the ends, or 0 when they are too close.
func (b *bracket) between(g goal) float64 {
	if b.above.lambda == 0 {
		return chord(*b.above, *b.below)
	}
	if b.below.lambda < b.above.lambda*1.0001 {
		return 0
	}
	part := 0.5
	if width := g.gap(*b.above) - g.gap(*b.below); !math.IsInf(width, 0) {
		part = min(max((g.gap(*b.above)-g.aim())/width, 0.1), 0.9)
	}
	return b.above.lambda * detmath.Exp2(float64(part*detmath.Log2(b.below.lambda/b.above.lambda)))
}

// best improves on best by the ends, trimmed, and where those lie far apart by what bridges them.
func (b *bracket) best(best solution, ok bool, g goal) (solution, bool) {
	const wide = 0.1 // dB
	for _, t := range []*solution{b.above, b.below} {
		if t != nil {
			u, _ := trim(*t, g)
			best, ok = g.prefer(best, u, ok)
		}
	}
	if b.above == nil || b.below == nil || g.gap(*b.above)-g.gap(*b.below) < wide {
		return best, ok
	}
	if !ok || math.Abs(g.gap(best)) > coarse*g.tolerance || b.above.full() {
		for _, t := range splices(*b.above, *b.below) {
			best, ok = g.prefer(best, t, ok)
		}
	}
	return best, ok
}

// splices bridge two solutions between which no lambda has any: each has the cells of one on the left and those of the
// other on the right, so that its error and bits lie near the line from one to the other.
func splices(fine, coarse solution) []solution {
	const places = 32
	lambda := chord(fine, coarse)
	if lambda == 0 {
		return nil
	}
	list := make([]solution, 0, 2*places)
	for i := 1; i < places; i++ {
		at := fine.first[len(fine.value)*i/places]
		list = append(list, splice(fine, coarse, at, lambda), splice(coarse, fine, at, lambda))
	}
	return list
}

// splice has the cells of left for points below at, and those of right for the others.
func splice(left, right solution, at int, lambda float64) solution {
	i, _ := slices.BinarySearch(left.first, at)
	j, _ := slices.BinarySearch(right.first, at)
	s, q := right.solver, right.clone()
	q.first = slices.Concat(left.first[:i], []int{at}, right.first[j:])
	q.code = limitedCode(s.longest)
	q.update()
	for len(q.value) > s.entries {
		q.merge(lambda, s.entries, s.longest)
	}
	q.code = huffmanCode(s.longest)
	q.update()
	q.iterate(lambda, 1e-6, 4)
	return s.measure(q, lambda)
}

// chord is the lambda for which two solutions cost the same. What lies below the line between them, error against bits,
// is better than either there (Shoham and Gersho 1988). It is 0 when one of them has neither less error nor fewer bits.
func chord(fine, coarse solution) float64 {
	worse, more := coarse.distortion()-fine.distortion(), fine.rate()-coarse.rate()
	if !(worse > 0 && more > 0) {
		return 0
	}
	return worse / more
}

// trim takes up the gap that a solution leaves because its Huffman code jumps between one lambda and the next: it keeps
// code and values and only shifts the cells' limits, as for another lambda. It reports whether it ends on the side given.
func trim(t solution, goal goal) (best solution, ok bool) {
	const maxSteps = 20
	best, ok = t, goal.metBy(t)
	var above, below float64 // lambdas with gap above 0, and below; 0 = not known
	lambda, factor := t.lambda, 1.01
	u := t
	for range maxSteps {
		g := goal.gap(u)
		if g*goal.side >= 0 && (!ok || math.Abs(g) < math.Abs(goal.gap(best))) {
			best, ok = u, true
		}
		if ok && math.Abs(goal.gap(best)) <= goal.tolerance || math.IsInf(g, 0) {
			break
		}
		if g > 0 {
			above = lambda
		} else {
			below = lambda
		}
		switch {
		case above == 0:
			lambda /= factor
		case below == 0:
			lambda *= factor
		default:
			lambda = math.Sqrt(above) * math.Sqrt(below)
		}
		factor *= factor
		u = t.shift(lambda)
	}
	return best, ok
}
