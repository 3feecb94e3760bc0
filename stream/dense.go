package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// Dense is an uncompressed matrix W [rows, cols] in memory, float32 or bfloat16:
// what a reference model is made of. Products have the canon's bits, like those of
// a [Quantized] matrix. It is safe for concurrent use.
type Dense struct {
	engine     *Engine
	rows, cols int
	arena      arena
	denseRows
}

// denseRows are rows of a matrix as they lie in memory, in one of two types.
type denseRows struct {
	f32  []float32
	bf16 []uint16
}

// slice returns the elements [from, to).
func (r denseRows) slice(from, to int) denseRows {
	if r.f32 != nil {
		return denseRows{f32: r.f32[from:to]}
	}
	return denseRows{bf16: r.bf16[from:to]}
}

// dot computes the products of n rows.
func (r denseRows) dot(k *kernel.Kernels, y []float32, ldy int, x *kernel.Activations, n int) {
	if r.f32 != nil {
		k.DotRowsF32(y, ldy, x, r.f32, n)
	} else {
		k.DotRowsBF16(y, ldy, x, r.bf16, n)
	}
}

// floats widens the elements to dst, which has as many.
func (r denseRows) floats(dst []float32) {
	if r.f32 != nil {
		copy(dst, r.f32)
		return
	}
	for i, v := range r.bf16 {
		dst[i] = bf16ToFloat32(v)
	}
}

// NewDense makes a float32 matrix and fills it by read, which is called for a few
// rows at a time: it writes rows [a, b) to dst.
func (e *Engine) NewDense(rows, cols int, read func(dst []float32, a, b int) error) (*Dense, error) {
	d, err := e.newDense(rows, cols, 4)
	if err != nil {
		return nil, err
	}
	d.f32 = d.arena.float32s()
	return d, d.fill(func(a, b int) error { return read(d.f32[a*cols:b*cols], a, b) })
}

// NewDenseBF16 makes a bfloat16 matrix, as NewDense does; values are their bits.
func (e *Engine) NewDenseBF16(rows, cols int, read func(dst []uint16, a, b int) error) (*Dense, error) {
	d, err := e.newDense(rows, cols, 2)
	if err != nil {
		return nil, err
	}
	d.bf16 = d.arena.uint16s()
	return d, d.fill(func(a, b int) error { return read(d.bf16[a*cols:b*cols], a, b) })
}

func (e *Engine) newDense(rows, cols, size int) (*Dense, error) {
	if rows < 1 || cols < 1 || rows > 1<<47/cols {
		return nil, fmt.Errorf("a matrix of %d × %d: %w", rows, cols, ErrShape)
	}
	a, err := newWeights(e.budget, fmt.Sprintf("a dense matrix of %d × %d", rows, cols), rows*cols*size)
	if err != nil {
		return nil, err
	}
	return &Dense{engine: e, rows: rows, cols: cols, arena: a}, nil
}

// fill calls read for all rows, some at a time; on an error the memory is freed.
func (d *Dense) fill(read func(a, b int) error) error {
	step := max(1, residentChunk/d.cols)
	for a := 0; a < d.rows; a += step {
		if err := read(a, min(a+step, d.rows)); err != nil {
			d.arena.release()
			return err
		}
	}
	return nil
}

// Rows returns the number of rows of W.
func (d *Dense) Rows() int { return d.rows }

// Cols returns the number of columns of W.
func (d *Dense) Cols() int { return d.cols }

// Close frees the matrix. It must not be called while a product with d runs.
func (d *Dense) Close() error { return d.arena.release() }

// Describe implements [Matrix].
func (d *Dense) Describe() Description {
	return Description{Format: FormatDense, Exact: true, Sidecar: noSidecar, Canon: CanonFloat, Kernels: d.engine.CPU()}
}

// Load implements [Matrix]: the matrix is resident.
func (d *Dense) Load(context.Context) error { return nil }

// ResidentBytes implements [Matrix].
func (d *Dense) ResidentBytes() int64 { return int64(len(d.arena.bytes)) }

// RowsDot implements [Matrix].
func (d *Dense) RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error) {
	batch, err := checkDot(d.rows, d.cols, y, x, a, b)
	if err != nil {
		return Stats{}, err
	}
	if err := context.Cause(ctx); err != nil || batch == 0 || a == b {
		return Stats{}, err
	}
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	return d.rowsDot(ctx, y, x, batch, a, b)
}

// checkDot refuses vectors and rows that do not fit a matrix of rows × cols, and
// returns the number of vectors.
func checkDot(rows, cols int, y, x []float32, a, b int) (batch int, err error) {
	batch = len(x) / cols
	if a < 0 || b < a || b > rows || len(x) != batch*cols || len(y) != batch*(b-a) {
		return 0, fmt.Errorf("rows [%d, %d) of a matrix of %d × %d, x of %d, y of %d: %w", a, b, rows, cols, len(x), len(y), ErrShape)
	}
	return batch, nil
}

// checkFloats refuses rows, and room for n weights, that do not fit a matrix of rows × cols.
func checkFloats(rows, cols, n, a, b int) error {
	if a < 0 || b < a || b > rows || n != (b-a)*cols {
		return fmt.Errorf("rows [%d, %d) of %d into %d values: %w", a, b, rows, n, ErrShape)
	}
	return nil
}

// rowsDot is RowsDot with the engine locked.
func (d *Dense) rowsDot(ctx context.Context, y, x []float32, batch, a, b int) (Stats, error) {
	start := time.Now()
	g := &d.engine.group
	g.begin(d.engine, x, batch)
	g.add(job{memory: d, y: y, a: a, b: b})
	stats, err := g.run(ctx)
	stats.ResidentBytes, stats.Duration = d.ResidentBytes(), time.Since(start)
	return stats, err
}

// wants implements [operand].
func (d *Dense) wants() (*scales, *corrections) { return nil, nil }

// dotRows implements [inMemory].
func (d *Dense) dotRows(y []float32, ldy int, in *input, lo, hi int, s *Stats) {
	clock := time.Now()
	d.slice(lo*d.cols, hi*d.cols).dot(d.engine.kernels, y, ldy, &in.packed, hi-lo)
	lap(&clock, &s.Compute)
}

// Floats implements [Matrix].
func (d *Dense) Floats(ctx context.Context, dst []float32, a, b int) error {
	if err := checkFloats(d.rows, d.cols, len(dst), a, b); err != nil {
		return err
	}
	d.slice(a*d.cols, b*d.cols).floats(dst)
	return nil
}
