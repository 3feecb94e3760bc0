package codebook

import (
	"math"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// clipFractions are the shares of weights tried for the sidecar.
var clipFractions = [...]float64{1e-5, 1e-4, 5e-4, 1e-3, 5e-3}

const (
	maxFloat16    = 65504
	sidecarFile   = 330 * 8 // bits of a sidecar before its first outlier
	sidecarValue  = 16      // bits of a value
	varintContent = 7       // bits of a position's difference that a byte holds
)

// clips returns solvers that put the largest weights into a sidecar, leaving out those that cannot beat plain, a
// solution without one: taking n outliers away frees their share of the error, worth ½·log2 of the fall for every
// weight, and their bits, and costs their place in the sidecar. When plain uses all entries, or almost,
// the freed ones are worth something too, so then all are tried.
func (s *solver) clips(plain solution) []*solver {
	p := s.points
	total, n := p.total(), len(p.x)
	all := plain.distortion()
	var list []*solver
	lo, hi := 0, n // x[lo:hi] stay
	for _, fraction := range clipFractions {
		// Take points from the end that lies farther from 0.
		for lo < hi-1 {
			a, b := lo, hi
			if -p.x[lo] > p.x[hi-1] {
				a++
			} else {
				b--
			}
			if total-(p.count[b]-p.count[a]) > fraction*total {
				break
			}
			lo, hi = a, b
		}
		out := total - (p.count[hi] - p.count[lo])
		if out == 0 || math.Max(-p.x[0], p.x[n-1]) > maxFloat16 {
			continue
		}
		if k := len(list); k > 0 && list[k-1].outliers == out {
			continue
		}
		c := s.clipped(lo, hi, out)
		rest := all - plain.errorOutside(lo, hi)
		gain := float64(total/2*detmath.Log2(all/rest)) + float64(out*float64(s.longest))
		if plain.full() || !(gain < c.sidecarBits) {
			list = append(list, c)
		}
	}
	return list
}

// clipped is the solver for x[lo:hi] with the weights outside, out in number, in a sidecar. Their indices, those of the
// nearest end, are still coded; their error is that of float16.
func (s *solver) clipped(lo, hi int, out float64) *solver {
	p := s.points
	list := make([]point, 0, hi-lo)
	var float16Error float64
	for i := range p.x {
		q := point{x: p.x[i], count: p.count[i+1] - p.count[i], mass: p.mass[i+1] - p.mass[i]}
		if i >= lo && i < hi {
			list = append(list, q)
			continue
		}
		_, e := math.Frexp(q.x)
		ulp := math.Ldexp(1, max(e-11, -24))
		float16Error += float64(q.mass*float64(ulp*ulp)) / 12
	}
	list[0].count += p.count[lo]
	list[len(list)-1].count += p.count[len(p.x)] - p.count[hi]
	inner := sum(list)
	inner.exact, inner.power = p.exact, p.power
	inner.inBin = p.inBin + float16Error

	gap := p.total() / out
	bytes := 1.0
	for limit := float64(1 << varintContent); gap >= limit; limit *= 1 << varintContent {
		bytes++
	}
	c := *s
	c.points, c.least = inner, nil
	c.clip = max(-p.edge(lo, -1), p.edge(hi-1, 1))
	c.outliers = out
	c.sidecarBits = sidecarFile + float64(out*(sidecarValue+float64(8*bytes)))
	return &c
}

// errorOutside is the squared error of the points outside [lo, hi).
func (t solution) errorOutside(lo, hi int) float64 {
	p := t.points
	var sum float64
	for j, v := range t.value {
		a, b := t.first[j], t.first[j+1]
		sum += p.errorAbout(a, max(a, min(b, lo)), v) + p.errorAbout(min(b, max(a, hi)), b, v)
	}
	return sum
}
