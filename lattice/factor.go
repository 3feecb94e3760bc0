package lattice

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/linalg"
)

// ErrGram reports values that are no Gram matrix of so many inputs.
var ErrGram = errors.New("not a Gram matrix")

// deadShare is the part of the median of Σ's diagonal under which an input counts as dead. (WaterSIC)
const deadShare = 0.001

// Factor is a Gram matrix taken apart, part by part: Σ + damping = M·diag(d)·Mᵀ. It is immutable and safe for concurrent use,
// and takes 8·SquareLen(n) bytes.
type Factor struct {
	n       int
	parts   []factored
	pivots  []float64 // d [n]; 0 for dead inputs
	added   []float64 // [n]: to the diagonal of Σ
	dead    int
	damping float64
}

// factored is a part of Σ taken apart.
type factored struct {
	Part
	unit []float64 // M of the part, square, unit lower triangular; what lies above the diagonal means nothing
}

// from is M from row i and column j on, inputs of the part; its rows are Len apart.
func (p *factored) from(i, j int) []float64 { return p.unit[(i-p.Start)*p.Len()+j-p.Start:] }

// Inputs returns the number of inputs, n.
func (f *Factor) Inputs() int { return f.n }

// Dead returns how many inputs are next to nothing: those whose mean square is below 0.001 of the median of those that
// are not 0. Their columns become zero.
func (f *Factor) Dead() int { return f.dead }

// Damping returns the damping that Σ got, in units of the median of its diagonal's values that are not 0: the one wanted, or
// more if Σ was singular with that. It is 1 for a Σ of zeros. Of several parts it is the largest.
func (f *Factor) Damping() float64 { return f.damping }

// NewFactor takes apart Σ + damping·m·I, m being the median of the values on Σ's diagonal that are not 0; their mean may be
// hundreds of times that, where a few inputs are massive. gram is the lower triangle of Σ, row by row:
// n(n+1)/2 values; of more than one part (Parts) it is the parts' triangles, one after another, each of which is taken apart
// by itself, with a median of its own. Where one is singular to float64, its damping is raised tenfold until it is not. A Σ
// of zeros stands for inputs of which nothing is known. ErrGram means values that cannot be the mean of x·xᵀ. 0 threads are
// all.
func NewFactor(ctx context.Context, gram []float32, n int, damping float64, threads int) (*Factor, error) {
	if n < 1 || n > MaxInputs || len(gram) != GramLen(n) {
		return nil, fmt.Errorf("%w: %d values for %d inputs, of which there may be 1 to %d", ErrGram, len(gram), n, MaxInputs)
	}
	if !(damping >= 0 && damping <= 1) {
		return nil, fmt.Errorf("%w: damping %g, 0 to 1", ErrOptions, damping)
	}
	return newFactor(ctx, gram, Parts(n), damping, threads)
}

// newFactor is NewFactor of any parts that begin at multiples of blockColumns.
func newFactor(ctx context.Context, gram []float32, parts []Part, damping float64, threads int) (*Factor, error) {
	engine, err := newEngine(threads)
	if err != nil {
		return nil, err
	}
	n := parts[len(parts)-1].End
	f := &Factor{n: n, pivots: make([]float64, n), added: make([]float64, n), damping: damping}
	for _, p := range parts {
		if err := f.addPart(ctx, engine, gram[:p.Triangle()], p, damping); err != nil {
			if len(parts) > 1 {
				err = fmt.Errorf("inputs from %d on: %w", p.Start, err)
			}
			return nil, err
		}
		gram = gram[p.Triangle():]
	}
	return f, nil
}

// addPart takes the next part apart.
func (f *Factor) addPart(ctx context.Context, engine *engine, gram []float32, p Part, damping float64) error {
	live, median, err := liveInputs(gram, p.Len())
	if err != nil {
		return err
	}
	if median == 0 {
		damping, median = 1, 1
	}
	part := factored{p, make([]float64, p.Square())}
	added := 0.0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		added = float64(damping * median)
		fill(part.unit, gram, live, added)
		err := engine.Cholesky(ctx, part.unit, p.Len())
		if err == nil {
			break
		}
		if !errors.Is(err, linalg.ErrSingular) {
			return err
		}
		// This ends: the diagonal comes to outweigh n values that are at most as large as the largest on it.
		damping = max(float64(10*damping), leastDamping)
	}
	pivots := f.pivots[p.Start:p.End]
	part.normalize(pivots)
	for j, alive := range live {
		f.added[p.Start+j] = added
		if !alive {
			pivots[j] = 0
			f.dead++
		}
	}
	f.damping = max(f.damping, damping)
	f.parts = append(f.parts, part)
	return nil
}

// Solve replaces x [rows, n] by x·(Σ + damping)⁻¹: of the mean of y·xᵀ it makes what gives y from x with the least squares.
// Of several parts each gives y by itself, and it makes the mean of that, whose squares are no more than without any, as those
// of their sum may be. Columns of dead inputs become zero. The error is the context's. 0 threads are all.
func (f *Factor) Solve(ctx context.Context, x []float64, rows, threads int) error {
	engine, err := newEngine(threads)
	if err != nil {
		return err
	}
	for i := range f.parts {
		p := &f.parts[i]
		if err := engine.Solve(ctx, x[p.Start:], f.n, rows, p.unit, f.pivots[p.Start:p.End]); err != nil {
			return err
		}
	}
	if k := float64(len(f.parts)); k > 1 {
		for i := range x {
			x[i] /= k
		}
	}
	return nil
}

// SolveSquares is Solve of a square for each part, one after another, whose columns are those of the part.
func (f *Factor) SolveSquares(ctx context.Context, x []float64, threads int) error {
	engine, err := newEngine(threads)
	if err != nil {
		return err
	}
	for i := range f.parts {
		p := &f.parts[i]
		if err := engine.Solve(ctx, x, p.Len(), p.Len(), p.unit, f.pivots[p.Start:p.End]); err != nil {
			return err
		}
		x = x[p.Square():]
	}
	return nil
}

// leastDamping is where the search for enough begins: float32 rounds Σ by that much.
const leastDamping = 1e-7

// The square of a mean product is at most the product of the mean squares (Cauchy–Schwarz), but for what float32 rounds.
const (
	rounded   = 1 + 1e-4
	subnormal = 0x1p-126
)

// engine computes at the level of the environment.
type engine struct {
	*linalg.Engine
	kernels *kernel.Kernels
}

func newEngine(threads int) (*engine, error) {
	k, err := kernel.FromEnv()
	if err != nil {
		return nil, err
	}
	return &engine{linalg.New(k, threadsOr(threads)), k}, nil
}

// liveInputs says which inputs are not dead, and the median of the mean squares that are not 0.
func liveInputs(gram []float32, n int) (live []bool, median float64, err error) {
	for i, v := range gram {
		if v-v != 0 {
			return nil, 0, fmt.Errorf("%w: value %d is %g", ErrGram, i, v)
		}
	}
	var positive []float32
	for j := range n {
		d := gram[j*(j+1)/2+j]
		if d < 0 {
			return nil, 0, fmt.Errorf("%w: a mean square of %g, of input %d", ErrGram, d, j)
		}
		if d > 0 {
			positive = append(positive, d)
		}
	}
	for i := range n {
		for j := range i {
			v := max(math.Abs(float64(gram[i*(i+1)/2+j]))-subnormal, 0)
			most := float64(gram[i*(i+1)/2+i]) * float64(gram[j*(j+1)/2+j])
			if float64(v*v) > float64(most*rounded) {
				return nil, 0, fmt.Errorf("%w: %g for inputs %d and %d, at most %g", ErrGram, v, i, j, math.Sqrt(most))
			}
		}
	}
	if len(positive) > 0 {
		slices.Sort(positive)
		median = float64(positive[len(positive)/2])
	}
	live = make([]bool, n)
	for j := range live {
		live[j] = float64(gram[j*(j+1)/2+j]) >= deadShare*median
	}
	return live, median, nil
}

// fill writes the lower triangle of Σ + added·I to a; a dead input is one of mean square 1 that has to do with no other.
func fill(a []float64, gram []float32, live []bool, added float64) {
	n := len(live)
	for i := range n {
		row := a[i*n:][:i+1]
		clear(row)
		if live[i] {
			for j, v := range gram[i*(i+1)/2:][:i+1] {
				if live[j] {
					row[j] = float64(v)
				}
			}
			row[i] += added
		} else {
			row[i] = 1
		}
	}
}

// normalize turns L of L·Lᵀ into M and d, which it writes to pivots.
func (p *factored) normalize(pivots []float64) {
	n := p.Len()
	inverse := make([]float64, n)
	for i := range n {
		row := p.unit[i*n:][:i+1]
		pivot := row[i]
		pivots[i] = float64(pivot * pivot)
		inverse[i] = 1 / pivot
		for j, v := range row {
			row[j] = float64(v * inverse[j])
		}
		row[i] = 1
	}
}
