package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
)

// Dense is an uncompressed matrix W [rows, cols] in memory, float32 or bfloat16:
// what a reference model is made of. Products have the canon's bits, like those of
// a [Matrix]. It is safe for concurrent use.
type Dense struct {
	engine     *Engine
	rows, cols int
	arena      arena
	f32        []float32
	bf16       []uint16 // one of the two
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
	a, err := newArena(e.budget, fmt.Sprintf("a dense matrix of %d × %d", rows, cols), rows*cols*size)
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

// RowsDot computes y[v] = W[a:b] @ x[v], as [Matrix.RowsDot] does.
func (d *Dense) RowsDot(ctx context.Context, y, x []float32, a, b int) (Stats, error) {
	batch := len(x) / d.cols
	if a < 0 || b < a || b > d.rows || len(x) != batch*d.cols || len(y) != batch*(b-a) {
		return Stats{}, fmt.Errorf("rows [%d, %d) of a matrix of %d × %d, x of %d, y of %d: %w", a, b, d.rows, d.cols, len(x), len(y), ErrShape)
	}
	if err := context.Cause(ctx); err != nil || batch == 0 || a == b {
		return Stats{}, err
	}
	e := d.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	start := time.Now()
	e.x.Pack(x, batch, d.cols)
	stats := Stats{}
	stats.Workers = e.eachRows(ctx, d.cols, batch, a, b, func(_, lo, hi int) {
		d.dot(y[lo-a:], b-a, &e.x, lo, hi)
	})
	stats.Duration = time.Since(start)
	stats.Compute = stats.Duration * time.Duration(stats.Workers)
	return stats, context.Cause(ctx)
}

func (d *Dense) dot(y []float32, ldy int, x *kernel.Activations, lo, hi int) {
	k := d.engine.kernels
	if d.f32 != nil {
		k.DotRowsF32(y, ldy, x, d.f32[lo*d.cols:hi*d.cols], hi-lo)
	} else {
		k.DotRowsBF16(y, ldy, x, d.bf16[lo*d.cols:hi*d.cols], hi-lo)
	}
}

// Floats writes the weights of rows [a, b) to dst, which has length (b−a)·Cols.
func (d *Dense) Floats(dst []float32, a, b int) error {
	if a < 0 || b < a || b > d.rows || len(dst) != (b-a)*d.cols {
		return fmt.Errorf("rows [%d, %d) of %d into %d values: %w", a, b, d.rows, len(dst), ErrShape)
	}
	if d.f32 != nil {
		copy(dst, d.f32[a*d.cols:b*d.cols])
		return nil
	}
	for i, v := range d.bf16[a*d.cols : b*d.cols] {
		dst[i] = bf16ToFloat32(v)
	}
	return nil
}
