package calibrate

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/lattice"
)

// gram is a Σ while it is summed: the squares of its parts (lattice.Parts), one after another, of which the lower triangles
// count. Whoever adds owns it.
type gram struct {
	inputs int
	parts  []lattice.Part
	sum    []float64 // zero at first
}

// newGram begins Σ of n inputs in sum, which has lattice.SquareLen(n) values.
func newGram(n int, sum []float64) gram { return gram{n, lattice.Parts(n), sum} }

// gramBytes is what a Σ takes while it is summed.
func gramBytes(n int) int64 { return 8 * int64(lattice.SquareLen(n)) }

// triangleBytes is what it takes when it is written.
func triangleBytes(n int) int64 { return 4 * int64(lattice.GramLen(n)) }

// add adds the products of vectors x [.., inputs]. The error is the context's.
func (g gram) add(ctx context.Context, e *linalg.Engine, x []float32) error {
	return g.squares(x, func(sum []float64, p lattice.Part, rows int) error {
		return e.Gram(ctx, sum, p.Len(), x[p.Start:], g.inputs, rows)
	})
}

// cross adds the products of l and x, both [.., inputs], of each part of one with the same part of the other.
func (g gram) cross(ctx context.Context, e *linalg.Engine, l, x []float32) error {
	return g.squares(x, func(sum []float64, p lattice.Part, rows int) error {
		return e.Cross(ctx, sum, p.Len(), p.Len(), l[p.Start:], g.inputs, x[p.Start:], g.inputs, rows)
	})
}

// squares calls add for the square of each part, if there are rows in x.
func (g gram) squares(x []float32, add func(sum []float64, p lattice.Part, rows int) error) error {
	rows, sum := len(x)/g.inputs, g.sum
	if rows == 0 {
		return nil
	}
	for _, p := range g.parts {
		if err := add(sum, p, rows); err != nil {
			return err
		}
		sum = sum[p.Square():]
	}
	return nil
}

// rows yields the rows of the triangles, each with the number of its input.
func (g gram) rows() iter.Seq2[int, []float64] {
	return func(yield func(int, []float64) bool) {
		sum := g.sum
		for _, p := range g.parts {
			for i := range p.Len() {
				if !yield(p.Start+i, sum[i*p.Len():][:i+1]) {
					return
				}
			}
			sum = sum[p.Square():]
		}
	}
}

// triangles returns the lower triangles of the means, row by row.
func (g gram) triangles(tokens float64) ([]float32, error) {
	list := make([]float32, 0, lattice.GramLen(g.inputs))
	for i, row := range g.rows() {
		for _, v := range row {
			m, err := mean(v, tokens, i)
			if err != nil {
				return nil, err
			}
			list = append(list, m)
		}
	}
	return list, nil
}

// mean is a mean of row i in the precision of statistics.
func mean(sum, tokens float64, i int) (float32, error) {
	m := float32(sum / tokens)
	if math.IsInf(float64(m), 0) || m != m {
		return 0, fmt.Errorf("row %d: %w", i, ErrOverflow)
	}
	return m, nil
}
