package se

import (
	"context"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/ordered"
)

const (
	maxPairs     = 50   // neighbours compared in each direction
	minDeviation = 1e-8 // pairs whose standard deviations multiply to no more don't count
)

// rowCoherence is the mean |Pearson correlation| of up to 50 pairs of neighbouring
// rows, 0 if there are none with any deviation: the original's neighbour coherence.
// The pairs are those that NumPy drew for it.
func (c *computation) rowCoherence(ctx context.Context) (float64, error) {
	if c.rows < 2 || c.cols < 2 {
		return 0, nil
	}
	pairs := choose(c.rows-1, min(maxPairs, c.rows-1))
	correlations := make([]float64, len(pairs))
	buffers := c.perWorker(2 * c.cols)
	err := ordered.Do(ctx, c.threads, len(pairs), func(worker, i int) error {
		pair := buffers[worker]
		if err := c.src.ReadRows(ctx, pair, pairs[i], pairs[i]+2); err != nil {
			return err
		}
		x, y := pair[:c.cols], pair[c.cols:]
		var sums pairSums
		for j := range x {
			sums.add(float64(x[j])-float64(x[0]), float64(y[j])-float64(y[0]))
		}
		correlations[i] = sums.correlation(c.cols)
		return nil
	}, nil)
	return meanOfNumbers(correlations), err
}

// pairSums are the sums behind a Pearson correlation of two series. Their values
// should come less a constant, such as the first of each: that changes nothing but
// keeps a large mean from drowning the deviations.
type pairSums struct{ x, y, xx, yy, xy float64 }

func (s *pairSums) add(x, y float64) {
	s.x += x
	s.y += y
	s.xx += float64(x * x)
	s.yy += float64(y * y)
	s.xy += float64(x * y)
}

func (s *pairSums) merge(t *pairSums) {
	s.x += t.x
	s.y += t.y
	s.xx += t.xx
	s.yy += t.yy
	s.xy += t.xy
}

// correlation returns |Pearson's r| of n values, NaN where the deviations are too
// small to tell.
func (s *pairSums) correlation(n int) float64 {
	k := float64(n)
	meanX, meanY := s.x/k, s.y/k
	varX := max(0, s.xx/k-float64(meanX*meanX))
	varY := max(0, s.yy/k-float64(meanY*meanY))
	deviation := float64(math.Sqrt(varX) * math.Sqrt(varY))
	if !(deviation > minDeviation) {
		return math.NaN()
	}
	return min(1, math.Abs(s.xy/k-float64(meanX*meanY))/deviation)
}

// meanOfNumbers averages what is not NaN, 0 if nothing is.
func meanOfNumbers(x []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range x {
		if v == v {
			sum += v
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
