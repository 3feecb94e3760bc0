package se

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/ordered"
)

const (
	steps         = 40  // of the Lanczos method for every start
	maxSteps      = 240 // for the few that look for the smallest singular value
	longStarts    = 4   // how many look for it
	powerPasses   = 2   // applications of A that find its dominant subspace
	startWeights  = 1 << 17
	minStarts     = 16
	maxStarts     = 128
	singleEpsilon = 0x1p-24
)

// quadrature is what the randomised estimator knows of A: for each start vector a
// discrete measure that has, for every f, about the integral sᵀ·f(A)·s.
type quadrature struct {
	p        int
	trace    float64  // of A, exact
	dominant []lambda // starts that span the dominant subspace, each with weight 1
	probes   []lambda // random starts orthogonal to it, with weight (p − len(dominant))/len(probes)
	// largest is the largest eigenvalue, smallest no less than the smallest.
	largest, smallest float64
	settled           bool // smallest is the smallest, not only a bound
}

// lambda is a Lanczos recurrence: diagonal and subdiagonal of T.
type lambda struct {
	alpha, beta []float64
	prev, cur   []float64
	done        bool // the Krylov space is exhausted
}

// nodes returns the eigenvalues of the first k steps of T, none below 0, and the weight of each.
func (l *lambda) nodes(k int) (theta, weight []float64) {
	k = min(k, len(l.alpha))
	theta, e, first := slices.Clone(l.alpha[:k]), slices.Clone(l.beta[:k]), make([]float64, k)
	if k == 0 {
		return nil, nil
	}
	first[0] = 1
	qlImplicit(theta, e, first)
	for i := range theta {
		theta[i] = max(0, theta[i])
		first[i] = float64(first[i] * first[i])
	}
	return theta, first
}

// step takes a start one step further: next = A·cur, which becomes the new vector.
func (l *lambda) step(next []float64, tiny float64) {
	a := dot(l.cur, next)
	b := 0.0
	if n := len(l.beta); n > 0 {
		b = l.beta[n-1]
	}
	for i := range next {
		next[i] -= float64(a*l.cur[i]) + float64(b*l.prev[i])
	}
	norm := math.Sqrt(dot(next, next))
	l.alpha, l.beta = append(l.alpha, a), append(l.beta, norm)
	if l.done = norm <= tiny; l.done {
		return
	}
	for i := range next {
		l.prev[i] = next[i] / norm
	}
	l.prev, l.cur = l.cur, l.prev
}

// lanczos samples the spectrum of the Gram matrix: a random subspace is drawn towards
// the dominant eigenvectors by two applications of A, and Lanczos recurrences start
// from an orthonormal basis of it, which takes the large eigenvalues out of the
// lottery, and from random signs projected on what is left (Meyer, Musco, Musco,
// Woodruff, "Hutch++", 2021; Ubaru, Chen, Saad, "Fast estimation of tr(f(A)) via
// stochastic Lanczos quadrature", 2017). A few of these go on until the smallest
// singular value has been found, or a condition number of c.condition proved.
func (c *computation) lanczos(ctx context.Context, trace float64) (*quadrature, error) {
	o := c.newOperator()
	p := o.p
	n := min(max(minStarts, min(maxStarts, startWeights/p)), max(1, p/4))
	random := rand.New(rand.NewPCG(c.seed, uint64(c.rows)<<32^uint64(c.cols)))
	basis, images := vectors(n, p), vectors(n, p)
	signs(random, basis)
	norm := 0.0 // of A times a unit vector, in the end
	for range powerPasses {
		if err := o.apply(ctx, images, basis); err != nil {
			return nil, err
		}
		basis, images = images, basis
		basis, norm = orthonormalise(basis)
		images = images[:len(basis)]
	}
	probes := vectors(n, p)
	signs(random, probes)
	for _, z := range probes {
		project(z, basis)
		project(z, basis)
		scale(z, 1/math.Sqrt(dot(z, z)))
	}
	q := &quadrature{p: p, trace: trace}
	starts := make([]lambda, 0, len(basis)+n)
	for _, s := range slices.Concat(basis, probes) {
		starts = append(starts, lambda{cur: s, prev: make([]float64, p)})
	}
	scratch := vectors(len(starts), p)
	tiny := float64(64 * singleEpsilon * norm)
	var active []*lambda
	for i := range starts {
		active = append(active, &starts[i])
	}
	for range min(steps, p) {
		if err := c.advance(ctx, o, active, scratch, tiny); err != nil {
			return nil, err
		}
	}
	q.dominant, q.probes = starts[:len(basis)], starts[len(basis):]
	for i := range starts {
		theta, _ := starts[i].nodes(steps)
		q.largest = max(q.largest, slices.Max(theta))
	}
	var long []*lambda
	for i := range q.probes[:min(longStarts, n)] {
		long = append(long, &q.probes[i])
	}
	return q, c.findSmallest(ctx, o, q, long, scratch, tiny)
}

// advance takes a step with all starts that are not done.
func (c *computation) advance(ctx context.Context, o *operator, starts []*lambda, scratch [][]float64, tiny float64) error {
	var live []*lambda
	var x [][]float64
	for _, l := range starts {
		if !l.done {
			live, x = append(live, l), append(x, l.cur)
		}
	}
	if len(live) == 0 {
		return nil
	}
	y := scratch[:len(live)]
	if err := o.apply(ctx, y, x); err != nil {
		return err
	}
	return ordered.Do(ctx, c.threads, len(live), func(_, i int) error {
		live[i].step(y[i], tiny)
		return nil
	}, nil)
}

// findSmallest goes on with a few starts until the smallest Ritz value, which can only
// be too large, proves a condition number above c.condition or no longer moves.
func (c *computation) findSmallest(ctx context.Context, o *operator, q *quadrature, starts []*lambda, scratch [][]float64, tiny float64) error {
	last := math.Inf(1)
	for {
		q.smallest = q.largest
		exhausted := true
		for i := range q.probes {
			theta, _ := q.probes[i].nodes(maxSteps)
			q.smallest = min(q.smallest, slices.Min(theta))
		}
		for _, l := range starts {
			exhausted = exhausted && (l.done || len(l.alpha) >= min(maxSteps, q.p))
		}
		proved := q.smallest*c.condition*c.condition < 0.9*q.largest
		q.settled = q.smallest > 0.995*last
		if proved || q.settled || exhausted {
			return nil
		}
		last = q.smallest
		for range 20 {
			if err := c.advance(ctx, o, starts, scratch, tiny); err != nil {
				return err
			}
		}
	}
}

// vectors returns n vectors of length p.
func vectors(n, p int) [][]float64 {
	all := make([]float64, n*p)
	v := make([][]float64, n)
	for i := range v {
		v[i] = all[i*p:][:p:p]
	}
	return v
}

// signs fills vectors with +1 and −1.
func signs(r *rand.Rand, x [][]float64) {
	for _, v := range x {
		var bits uint64
		for i := range v {
			if i%64 == 0 {
				bits = r.Uint64()
			}
			v[i] = float64(int(bits&1)<<1 - 1)
			bits >>= 1
		}
	}
}

// orthonormalise returns an orthonormal basis of what x spans, in its memory, and the
// largest norm in x: Gram and Schmidt twice. Vectors that depend on those before are
// dropped.
func orthonormalise(x [][]float64) (basis [][]float64, norm float64) {
	largest := 0.0
	for _, v := range x {
		largest = max(largest, dot(v, v))
	}
	basis = x[:0]
	for _, v := range x {
		project(v, basis)
		project(v, basis)
		if norm := dot(v, v); norm > 0x1p-40*largest {
			scale(v, 1/math.Sqrt(norm))
			basis = append(basis, v)
		}
	}
	return basis, math.Sqrt(largest)
}

// project takes what lies in basis out of v.
func project(v []float64, basis [][]float64) {
	for _, q := range basis {
		s := dot(q, v)
		for i := range v {
			v[i] -= float64(s * q[i])
		}
	}
}

func scale(v []float64, s float64) {
	for i := range v {
		v[i] = float64(v[i] * s)
	}
}
