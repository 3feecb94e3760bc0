package se

import (
	"context"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/ordered"
)

// chunkWeights is about how many weights are read at a time.
const chunkWeights = 1 << 19

// chunks cuts the rows into runs that are read at a time. It depends on the shape
// alone, as the order of sums follows it.
type chunks struct{ rows, step int }

func chunksOf(rows, cols, weights int) chunks {
	step := max(1, weights/max(1, cols))
	if step >= tileSize {
		step -= step % tileSize
	}
	return chunks{rows, min(step, max(1, rows))}
}

func (c chunks) count() int { return (c.rows + c.step - 1) / c.step }

func (c chunks) bounds(i int) (a, b int) { return i * c.step, min(c.rows, (i+1)*c.step) }

// survey is what one pass over the weights tells.
type survey struct {
	energy       float64 // Σ w²
	sparsity     float64
	structure    string
	colCoherence float64
}

// survey reads the matrix once: its energy, its zeros, and how much neighbouring
// columns resemble each other. It refuses values that are not finite.
func (c *computation) survey(ctx context.Context) (*survey, error) {
	var pairs []int
	if c.rows > 1 && c.cols > 1 {
		pairs = choose(c.cols-1, min(maxPairs, c.cols-1))
	}
	run := chunksOf(c.rows, c.cols, chunkWeights)
	type buffer struct {
		counts  []uint32
		energy  float64
		moments []pairSums
	}
	weights := c.perWorker(run.step * c.cols)
	buffers := make([]buffer, c.threads)
	for i := range buffers {
		across := (c.cols + tileSize - 1) / tileSize
		buffers[i] = buffer{counts: make([]uint32, (run.step/tileSize+2)*across), moments: make([]pairSums, len(pairs))}
	}
	origin := make([]float32, c.cols) // the first row: moments are of differences from it
	if err := c.src.ReadRows(ctx, origin, 0, 1); err != nil {
		return nil, err
	}
	zeros := newTiles(c.rows, c.cols)
	sums := make([]pairSums, len(pairs))
	energy := 0.0
	err := ordered.Do(ctx, c.threads, run.count(), func(worker, i int) error {
		a, b := run.bounds(i)
		w := weights[worker][:(b-a)*c.cols]
		if err := c.src.ReadRows(ctx, w, a, b); err != nil {
			return err
		}
		u := &buffers[worker]
		u.energy = energyOf(w)
		if math.IsNaN(u.energy) || math.IsInf(u.energy, 0) {
			return c.nonFinite(w, a)
		}
		u.counts = u.counts[:tileRows(a, b)*len(zeros.filled)]
		countTiles(u.counts, w, a, b, c.cols)
		for k, j := range pairs {
			u.moments[k] = pairSums{}
			for at := j; at < len(w); at += c.cols {
				u.moments[k].add(float64(w[at])-float64(origin[j]), float64(w[at+1])-float64(origin[j+1]))
			}
		}
		return nil
	}, func(worker, i int) {
		a, b := run.bounds(i)
		u := &buffers[worker]
		energy += u.energy
		zeros.add(b-a, u.counts)
		for k := range sums {
			sums[k].merge(&u.moments[k])
		}
	})
	if err != nil {
		return nil, err
	}
	correlations := make([]float64, len(pairs))
	for k := range sums {
		correlations[k] = sums[k].correlation(c.rows)
	}
	return &survey{energy, zeros.ratio(), zeros.structure(), meanOfNumbers(correlations)}, nil
}

// energyOf returns Σ w². The square of a float32 is exact in float64 and far from
// its limits, so the sum is finite exactly if all of w is.
func energyOf(w []float32) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(w); i += 4 {
		q := w[i : i+4 : i+4]
		s0 += float64(float64(q[0]) * float64(q[0]))
		s1 += float64(float64(q[1]) * float64(q[1]))
		s2 += float64(float64(q[2]) * float64(q[2]))
		s3 += float64(float64(q[3]) * float64(q[3]))
	}
	for ; i < len(w); i++ {
		s0 += float64(float64(w[i]) * float64(w[i]))
	}
	return (s0 + s1) + (s2 + s3)
}

// nonFinite names the first value of w, whose first row is row a, that is not finite.
func (c *computation) nonFinite(w []float32, a int) error {
	for i, v := range w {
		if d := v - v; d != 0 {
			return fmt.Errorf("%v at row %d, column %d: %w", v, a+i/c.cols, i%c.cols, ErrNonFinite)
		}
	}
	return nil // not reached: some value made the sum infinite
}
