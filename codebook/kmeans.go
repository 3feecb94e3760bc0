package codebook

import (
	"cmp"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// fewPoints is how many points the exact search of kmeans takes on: beyond, Lloyd's method is as good and faster.
const fewPoints = 2048

// kmeans returns the codebook of least squared error.
func kmeans(p *points, entries int, start Start, bf16 bool) *Codebook {
	return leastError(p, entries, start, bf16).codebook()
}

// leastError finds the exact optimum for up to fewPoints distinct values, otherwise what the Lloyd-Max iteration (Lloyd
// 1957/1982, Max 1960) converges to. When the weights have no more distinct values than entries, those are the values,
// unrounded: nothing is lost. Bits count nothing.
func leastError(p *points, entries int, start Start, bf16 bool) *partition {
	free := func(bits, _ []float64) { clear(bits) }
	var q *partition
	switch {
	case len(p.x) <= entries:
		q = newPartition(p, everyPoint(p), free, unrounded)
		if p.exact {
			q.assign(0)
			return q
		}
	case len(p.x) <= fewPoints:
		q = newPartition(p, optimalCells(p, entries), free, unrounded)
	default:
		q = newPartition(p, startCells(p, entries, start), free, unrounded)
		q.lloyd(entries)
	}
	q.store(bf16, 0)
	return q
}

// lloyd iterates to convergence, then looks for something better: it splits the cells of largest error, merges the
// pairs that cost least and iterates again, several at a time while that lowers the error and then fewer. Cells that lost
// all their points come back that way too.
func (q *partition) lloyd(entries int) {
	const rough, fine = 1e-5, 1e-7
	const maxSteps, maxRounds = 2000, 40
	q.iterate(0, rough, maxSteps)
	q.update()
	best, least := slices.Clone(q.first), q.distortion()
	moves := entries / 4
	for range maxRounds {
		missing := entries - len(q.value)
		if moves == 0 && missing == 0 {
			break
		}
		q.split(missing + moves)
		for len(q.value) > entries {
			q.merge(0, entries, unlimited)
		}
		q.iterate(0, rough, maxSteps)
		q.update()
		if err := q.distortion(); err < least*(1-1e-4) {
			best, least = slices.Clone(q.first), err
			continue
		}
		moves /= 2
		q.first = slices.Clone(best)
		q.update()
	}
	q.iterate(0, fine, maxSteps)
}

// split cuts the n cells of largest error at their centroids.
func (q *partition) split(n int) {
	p := q.points
	type cell struct {
		j   int
		err float64
	}
	var cells []cell
	for j := range q.value {
		if q.first[j+1]-q.first[j] > 1 {
			cells = append(cells, cell{j, p.squaredError(q.first[j], q.first[j+1])})
		}
	}
	slices.SortFunc(cells, func(a, b cell) int { return cmp.Or(cmp.Compare(b.err, a.err), a.j-b.j) })
	cells = cells[:min(n, len(cells))]
	for _, c := range cells {
		lo, hi := q.first[c.j], q.first[c.j+1]
		at := p.above(p.centroid(lo, hi), lo)
		q.first = append(q.first, min(max(at, lo+1), hi-1))
	}
	slices.Sort(q.first)
	q.update()
}

// everyPoint gives each point a cell.
func everyPoint(p *points) []int {
	first := make([]int, len(p.x)+1)
	for i := range first {
		first[i] = i
	}
	return first
}

// startCells cuts the points into k cells, none empty. It needs more than k points.
func startCells(p *points, k int, start Start) []int {
	n := len(p.x)
	scale := p.mass // cumulative, len n+1
	if start != Quantile {
		scale = compand(p)
	}
	first := make([]int, k+1)
	if start == GoldenRatio {
		return goldenCells(p, scale, first)
	}
	at := 0
	for j := 1; j < k; j++ {
		want := scale[n] * float64(j) / float64(k)
		for at < n && scale[at] < want {
			at++
		}
		at = min(max(at, first[j-1]+1), n-(k-j))
		first[j] = at
	}
	first[k] = n
	return first
}

// compand returns the cumulative cube root of the density over the points: the density of the levels of the best
// quantizer, asymptotically (Panter and Dite 1951). A point of mass m alone in a width w adds (m/w)^⅓·w.
func compand(p *points) []float64 {
	n := len(p.x)
	scale := make([]float64, n+1)
	for i := range n {
		w := (p.x[min(i+1, n-1)] - p.x[max(i-1, 0)]) / 2
		m := p.mass[i+1] - p.mass[i]
		scale[i+1] = scale[i] + detmath.Cbrt(m*w*w)
	}
	return scale
}

// goldenCells puts levels at the companded places of frac(k·φ) and cuts between them.
func goldenCells(p *points, scale []float64, first []int) []int {
	n, k := len(p.x), len(first)-1
	u := make([]float64, k)
	for j := range u {
		f := float64(float64(j+1) * (math.Phi - 1))
		u[j] = f - math.Floor(f)
	}
	slices.Sort(u)
	at := 0
	for j := 1; j < k; j++ {
		want := scale[n] * ((u[j-1] + u[j]) / 2)
		for at < n && scale[at] < want {
			at++
		}
		at = min(max(at, first[j-1]+1), n-(k-j))
		first[j] = at
	}
	first[k] = n
	return first
}

// optimalCells finds the k cells of least total error. best[j] is the least error of the first j points in some number
// of cells; adding a cell takes the minimum over where it starts, and that place moves only upwards with j, so each
// half of the range needs to look only on its own side (divide and conquer, k·n·log n).
func optimalCells(p *points, k int) []int {
	n := len(p.x)
	best := make([]float64, n+1)
	next := make([]float64, n+1)
	for j := 1; j <= n; j++ {
		best[j] = p.squaredError(0, j)
	}
	from := make([][]uint16, k+1)
	for c := 2; c <= k; c++ {
		from[c] = make([]uint16, n+1)
		var fill func(lo, hi, a, b int)
		fill = func(lo, hi, a, b int) {
			if lo > hi {
				return
			}
			mid := (lo + hi) / 2
			at, cost := -1, math.Inf(1)
			for i := max(a, c-1); i <= min(b, mid-1); i++ {
				if e := best[i] + p.squaredError(i, mid); e < cost {
					at, cost = i, e
				}
			}
			next[mid], from[c][mid] = cost, uint16(at)
			fill(lo, mid-1, a, at)
			fill(mid+1, hi, at, b)
		}
		fill(c, n, c-1, n-1)
		best, next = next, best
	}
	first := make([]int, k+1)
	first[k] = n
	for c := k; c >= 2; c-- {
		first[c-1] = int(from[c][first[c]])
	}
	return first
}
