package lattice

import (
	"context"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/matrix"
)

// Quantize turns w, whose columns are the inputs of f, into integers and steps. At most 1024 rows decide about the steps;
// then rows go panel by panel, so that memory is that of the result and of the sample. Errors are those of w,
// codebook.ErrNonFinite, matrix.ErrShape, ErrOptions, and those of cdna.LatticeSize.
func Quantize(ctx context.Context, w matrix.Source, f *Factor, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if w.Cols() != f.n || w.Rows() < 1 || w.Rows() > math.MaxInt/w.Cols() {
		return nil, fmt.Errorf("%w: [%d, %d] for %d inputs", matrix.ErrShape, w.Rows(), w.Cols(), f.n)
	}
	engine, err := newEngine(1)
	if err != nil {
		return nil, err
	}
	q := &quantizer{f: f, engine: engine, o: o, threads: threadsOr(o.Threads), w: w}
	if q.sample, err = sample(ctx, w, f.pivots, q.threads); err != nil {
		return nil, err
	}
	return q.quantize(ctx)
}

// quantizer is one matrix's way to its Result.
type quantizer struct {
	f       *Factor
	engine  *engine // of one thread
	o       Options
	threads int
	w       matrix.Source
	sample  matrix.Source // of its rows; all if they are few
	fixed   int64         // bytes that the number of rows does not change
	tries   int
}

func (q *quantizer) quantize(ctx context.Context) (*Result, error) {
	var err error
	if q.fixed, err = q.fixedBytes(); err != nil {
		return nil, err
	}
	start := point{log: detmath.Log2(q.o.Step), gamma: ones(q.f.n)}
	if q.o.Bits > 0 {
		if start.log, err = q.estimate(ctx); err != nil {
			return nil, err
		}
		if start, err = q.search(ctx, start); err != nil {
			return nil, err
		}
	} else if start, err = q.try(ctx, start); err != nil {
		return nil, err
	}
	result, err := q.finish(ctx, start)
	if err != nil || q.o.Bits == 0 || q.w.Rows() <= sampleRows {
		return result, err
	}
	miss := result.Bits - q.o.Bits
	if math.Abs(miss) <= fullTolerance {
		return result, nil
	}
	// From here on no earlier result is used, so that the codes of one are in memory at a time.
	next := start
	next.log = clamp(start.log - miss/start.slope)
	again, err := q.finish(ctx, next)
	if err != nil || math.Abs(again.Bits-q.o.Bits) < math.Abs(miss) {
		return again, err
	}
	return q.finish(ctx, start)
}

func ones(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

// finish quantizes all rows.
func (q *quantizer) finish(ctx context.Context, at point) (*Result, error) {
	m, t, err := q.pass(at).run(ctx, q.w, true)
	if err != nil {
		return nil, err
	}
	q.tries++
	sizes, err := cdna.LatticeSize(m, q.lattice(q.w.Rows()))
	if err != nil {
		return nil, err
	}
	weights := float64(m.Rows) * float64(m.Cols)
	r := &Result{
		Matrix: *m, Step: detmath.Exp2(at.log), Sizes: sizes, Bits: 8 * float64(q.counted(sizes)) / weights,
		Fidelity: t.errors.Fidelity(), Output: t.output(q.f) / float64(m.Rows), OutputSNR: math.Inf(1), Tries: q.tries,
	}
	if r.Output > 0 {
		signal, err := q.signal(ctx)
		if err != nil {
			return nil, err
		}
		r.OutputSNR = 10 * detmath.Log10(signal/r.Output)
	}
	return r, nil
}

func (q *quantizer) pass(at point) *pass {
	return newPass(q.f, q.engine, q.threads, detmath.Exp2(at.log), at.gamma)
}

// lattice is the file's options for so many rows.
func (q *quantizer) lattice(rows int) cdna.LatticeOptions {
	o := q.o.Lattice
	o.Threads = q.threads
	o.BlockRows = min(o.BlockRows, rows) // 0 stays, for the file's own
	return o
}

// signal is the mean square of an output, over the sample: Σ without dead inputs.
func (q *quantizer) signal(ctx context.Context) (float64, error) {
	rows, n := q.sample.Rows(), q.f.n
	x := make([]float32, panelRows*n)
	a, v := make([]float64, panelRows*n), make([]float64, panelRows*n)
	sum := 0.0
	for first := 0; first < rows; first += panelRows {
		count := min(panelRows, rows-first)
		if err := q.sample.ReadRows(ctx, x[:count*n], first, first+count); err != nil {
			return 0, err
		}
		for i, w := range x[:count*n] {
			a[i] = float64(w)
		}
		clear(v)
		for i := range q.f.parts {
			p := &q.f.parts[i]
			if err := q.engine.MulAddLower(ctx, v[p.Start:], n, a[p.Start:], n, p.unit, p.Len(), count, p.Len()); err != nil {
				return 0, err
			}
		}
		for i := range count * n {
			if d := q.f.pivots[i%n]; d > 0 {
				sum += float64(d*float64(v[i]*v[i])) - float64(q.f.added[i%n]*float64(a[i]*a[i]))
			}
		}
	}
	return max(sum, 0) / float64(rows), nil
}
