package se

import (
	"cmp"
	"math"
	"slices"
)

const (
	topTenth     = 10   // the energy of the first 1/10 of the singular values is H's complement
	rankEnergy   = 0.95 // share of Σσ² that the rank holds
	minSingular  = 1e-12
	maxCondition = 1e12
)

// spectrum is what Structural Entropy needs of the singular values.
type spectrum struct {
	energyTop float64 // share of Σσ² in the largest tenth
	rankRatio float64 // share of the singular values that it takes to hold 95 % of Σσ²
	condition float64
	atLeast   bool    // condition is a lower bound
	err       float64 // bound on the error of H·D
}

// hd returns H·D.
func (s *spectrum) hd() float64 { return s.h() * s.d() }

func (s *spectrum) h() float64 { return clamp(1 - s.energyTop) }
func (s *spectrum) d() float64 { return clamp(math.Sqrt(s.rankRatio)) }

func clamp(x float64) float64 { return min(1, max(0, x)) }

// noSpectrum is that of p singular values that are all zero.
func noSpectrum(p int) *spectrum {
	return &spectrum{energyTop: 1, rankRatio: 1 / float64(p)}
}

// originalSpectrum is what the original says of a matrix too large for it.
func originalSpectrum() *spectrum {
	return &spectrum{energyTop: 0.5, rankRatio: 0.5, condition: 1}
}

// spectrumOf takes all eigenvalues of the Gram matrix, largest first, the largest
// above 0. They are in error by about resolution times the largest, and shares of their
// sum by no more.
func spectrumOf(eigenvalues []float64, resolution float64) *spectrum {
	p := len(eigenvalues)
	sigma := make([]float64, p) // to float32, as the original has them
	for i, e := range eigenvalues {
		sigma[i] = float64(float32(math.Sqrt(max(0, e))))
	}
	total := 0.0
	for _, x := range sigma {
		total += float64(x * x)
	}
	rank := func(share float64) float64 {
		sum := 0.0
		for i, x := range sigma {
			// The original compares a float32 share with a float64 threshold, which
			// decides where a share is exactly 95 %.
			if sum += float64(x * x); float64(float32(sum/total)) >= share {
				return float64(i+1) / float64(p)
			}
		}
		return 1
	}
	top := 0.0
	for _, x := range sigma[:max(1, p/topTenth)] {
		top += float64(x * x)
	}
	s := &spectrum{energyTop: float64(float32(top / total)), rankRatio: rank(rankEnergy)}
	last := sigma[p-1]
	if floor := math.Sqrt(float64(resolution * eigenvalues[0])); last < floor {
		last, s.atLeast = floor, true
	}
	s.condition = min(maxCondition, float64(float32(sigma[0]/max(last, minSingular))))
	slack := max(resolution, 0x1p-23)
	for _, sign := range []float64{-1, 1} {
		other := spectrum{energyTop: s.energyTop - float64(sign*slack), rankRatio: rank(rankEnergy + float64(sign*slack))}
		s.err = max(s.err, math.Abs(other.hd()-s.hd()))
	}
	return s
}

// spectrum evaluates the quadrature.
func (q *quadrature) spectrum() *spectrum {
	at := q.measures(steps)
	s := q.evaluate(at, -1)
	sampled := s.hd()
	s.rankRatio = math.Ceil(float64(s.rankRatio*float64(q.p))-1e-3) / float64(q.p)
	smallest := q.smallest
	if floor := float64(0x1p-18 * q.largest); smallest < floor {
		smallest, q.settled = floor, false
	}
	s.condition = min(maxCondition, math.Sqrt(q.largest/max(smallest, minSingular*minSingular)))
	s.atLeast = !q.settled

	// The error: that of the sample by the jackknife, that of the quadrature by what the
	// last quarter of the steps changed, that of rounding the rank and of float32 products.
	n := len(q.probes)
	mean, left := 0.0, make([]float64, n)
	for i := range left {
		left[i] = q.evaluate(at, i).hd()
		mean += left[i] / float64(n)
	}
	variance := 0.0
	for _, x := range left {
		variance += float64((x-mean)*(x-mean)) * float64(n-1) / float64(n)
	}
	rounding := s.h() * 1 / (2 * float64(q.p) * max(s.d(), 0.1))
	s.err = float64(sampleSpread*math.Sqrt(variance)) + math.Abs(q.evaluate(q.measures(steps*3/4), -1).hd()-sampled) +
		rounding + 1e-5
	return s
}

// sampleSpread is how many standard errors of the sample the stated bound takes in:
// Student's t for 16 probes leaves 0.5 % outside 3.25.
const sampleSpread = 3.3

// measure is a discrete measure: places and their weights.
type measure struct{ theta, weight []float64 }

// measures returns those of all starts after k steps, the dominant ones first.
func (q *quadrature) measures(k int) []measure {
	var all []measure
	for _, starts := range [][]lambda{q.dominant, q.probes} {
		for i := range starts {
			theta, weight := starts[i].nodes(k)
			all = append(all, measure{theta, weight})
		}
	}
	return all
}

// evaluate returns the shares by all measures but that of probe number without (−1: by
// all). The number of singular values and their energy outside the dominant subspace are
// known exactly, so the weights of the probes are calibrated to them: the weight of θ is
// multiplied by 1 + a + b·θ (Deville and Särndal, "Calibration estimators", 1992).
func (q *quadrature) evaluate(at []measure, without int) *spectrum {
	type node struct{ theta, weight float64 }
	var nodes []node
	rest := q.trace
	for i := range q.dominant {
		for j, theta := range at[i].theta {
			nodes = append(nodes, node{theta, at[i].weight[j]})
		}
		rest -= q.dominant[i].alpha[0]
	}
	first := len(nodes)
	used := 0
	for i := range q.probes {
		if i == without {
			continue
		}
		used++
		m := at[len(q.dominant)+i]
		for j, theta := range m.theta {
			nodes = append(nodes, node{theta, m.weight[j]})
		}
	}
	places := float64(q.p - len(q.dominant))
	var sum, square float64
	sample := nodes[first:]
	for i := range sample {
		sample[i].weight *= places / float64(used)
		sum += float64(sample[i].weight * sample[i].theta)
		square += float64(sample[i].weight * float64(sample[i].theta*sample[i].theta))
	}
	// Without a spread, or with hardly any energy, there is nothing to calibrate.
	if spread := square - float64(sum*sum)/places; spread > 1e-9*square && rest > 1e-5*q.trace {
		b := (rest - sum) / spread
		a := -float64(b*sum) / places
		for i := range sample {
			sample[i].weight *= max(0, 1+a+float64(b*sample[i].theta))
		}
	}
	slices.SortFunc(nodes, func(x, y node) int {
		return cmp.Or(cmp.Compare(y.theta, x.theta), cmp.Compare(x.weight, y.weight))
	})
	total := 0.0
	for _, x := range nodes {
		total += float64(x.theta * x.weight)
	}
	s := &spectrum{}
	top := float64(max(1, q.p/topTenth))
	var places95, energy, count float64
	for _, x := range nodes {
		here := float64(x.theta * x.weight)
		if part := min(x.weight, top-count); part > 0 {
			s.energyTop += float64(part*x.theta) / total
		}
		if left := float64(rankEnergy*total) - energy; left > 0 {
			places95 += x.weight * min(1, left/max(here, math.SmallestNonzeroFloat64))
		}
		count += x.weight
		energy += here
	}
	s.rankRatio = places95 / float64(q.p)
	return s
}
