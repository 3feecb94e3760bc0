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

// MaxInputs is the largest number of inputs of a Factor, whose memory is 8·n² bytes.
const MaxInputs = 16384

// ErrGram reports values that are no Gram matrix of so many inputs.
var ErrGram = errors.New("not a Gram matrix")

// deadShare is the part of the median of Σ's diagonal under which an input counts as dead. (WaterSIC)
const deadShare = 0.001

// Factor is a Gram matrix taken apart: Σ + damping = M·diag(d)·Mᵀ. It is immutable and safe for concurrent use.
type Factor struct {
	n       int
	unit    []float64 // M, [n, n], unit lower triangular; what lies above the diagonal means nothing
	pivots  []float64 // d [n]; 0 for dead inputs
	dead    int
	damping float64
	added   float64 // to the diagonal of Σ
}

// Inputs returns the number of inputs, n.
func (f *Factor) Inputs() int { return f.n }

// Dead returns how many inputs are next to nothing: those whose mean square is below 0.001 of the median of those that
// are not 0. Their columns become zero.
func (f *Factor) Dead() int { return f.dead }

// Damping returns the damping that Σ got, in units of the median of its diagonal's values that are not 0: the one wanted, or
// more if Σ was singular with that. It is 1 for a Σ of zeros.
func (f *Factor) Damping() float64 { return f.damping }

// NewFactor takes apart Σ + damping·m·I, m being the median of the values on Σ's diagonal that are not 0; their mean may be
// hundreds of times that, where a few inputs are massive. gram is the lower triangle of Σ, row by row:
// n(n+1)/2 values. Where that is singular to float64, the damping is raised tenfold until it is not. A Σ of zeros stands
// for inputs of which nothing is known. ErrGram means values that cannot be the mean of x·xᵀ. 0 threads are all.
func NewFactor(ctx context.Context, gram []float32, n int, damping float64, threads int) (*Factor, error) {
	if n < 1 || n > MaxInputs || len(gram) != n*(n+1)/2 {
		return nil, fmt.Errorf("%w: %d values for %d inputs, of which there may be 1 to %d", ErrGram, len(gram), n, MaxInputs)
	}
	if !(damping >= 0 && damping <= 1) {
		return nil, fmt.Errorf("%w: damping %g, 0 to 1", ErrOptions, damping)
	}
	engine, err := newEngine(threads)
	if err != nil {
		return nil, err
	}
	live, median, err := liveInputs(gram, n)
	if err != nil {
		return nil, err
	}
	f := &Factor{n: n, unit: make([]float64, n*n), pivots: make([]float64, n), damping: damping}
	if median == 0 {
		f.damping, median = 1, 1
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.added = float64(f.damping * median)
		fill(f.unit, gram, live, f.added)
		err := engine.Cholesky(ctx, f.unit, n)
		if err == nil {
			break
		}
		if !errors.Is(err, linalg.ErrSingular) {
			return nil, err
		}
		// This ends: the diagonal comes to outweigh n values that are at most as large as the largest on it.
		f.damping = max(float64(10*f.damping), leastDamping)
	}
	f.normalize()
	for j, alive := range live {
		if !alive {
			f.pivots[j] = 0
			f.dead++
		}
	}
	return f, nil
}

// Solve replaces x [rows, n] by x·(Σ + damping)⁻¹: of the mean of y·xᵀ it makes what gives y from x with the least squares.
// Columns of dead inputs become zero. The error is the context's. 0 threads are all.
func (f *Factor) Solve(ctx context.Context, x []float64, rows, threads int) error {
	engine, err := newEngine(threads)
	if err != nil {
		return err
	}
	return engine.Solve(ctx, x, rows, f.unit, f.pivots)
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

// normalize turns L of L·Lᵀ into M and d.
func (f *Factor) normalize() {
	inverse := make([]float64, f.n)
	for i := range f.n {
		row := f.unit[i*f.n:][:i+1]
		pivot := row[i]
		f.pivots[i] = float64(pivot * pivot)
		inverse[i] = 1 / pivot
		for j, v := range row {
			row[j] = float64(v * inverse[j])
		}
		row[i] = 1
	}
}
