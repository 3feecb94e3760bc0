package se

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/ordered"
)

// The Gram matrix of the shorter side holds the squares of all singular values. Up to
// doubleLimit its products are summed in float64, which leaves the squares exact to
// about 1e-15 of the largest. Above, blocks are summed in float32 by the kernels, some
// thirty times as fast, and the blocks in float64.
const (
	doubleLimit = 512
	gramSegment = 256 // columns whose products are summed at a time
	gramWeights = 1 << 20
)

// gram returns the lower triangle of G = W·Wᵀ or WᵀW, whichever is smaller, row-major.
func (c *computation) gram(ctx context.Context) ([]float64, error) {
	if c.rows < c.cols {
		return c.gramOfRows(ctx)
	}
	return c.gramOfCols(ctx)
}

// gramOfCols is WᵀW, cols ≤ rows: the sum over chunks of rows of the chunk's own.
func (c *computation) gramOfCols(ctx context.Context) ([]float64, error) {
	p := c.cols
	g := make([]float64, p*p)
	run := chunksOf(c.rows, p, max(gramSegment*p, 1<<16))
	weights := c.perWorker(run.step * p)
	panels := make([]panel, c.threads)
	parts := make([]product, c.threads)
	for i := range parts {
		parts[i] = c.newProduct(p, p)
	}
	err := ordered.Do(ctx, c.threads, run.count(), func(worker, i int) error {
		a, b := run.bounds(i)
		w := weights[worker][:(b-a)*p]
		if err := c.src.ReadRows(ctx, w, a, b); err != nil {
			return err
		}
		t := &panels[worker]
		t.transpose(w, p)
		parts[worker].clear()
		parts[worker].add(ctx, t, t, true)
		return context.Cause(ctx)
	}, func(worker, _ int) {
		parts[worker].addTo(g, p, 0, 0)
	})
	return g, err
}

// gramOfRows is W·Wᵀ, rows < cols: blocks of rows against each other. Every pair of
// blocks is one worker's, so a block is read again for each block above it.
func (c *computation) gramOfRows(ctx context.Context) ([]float64, error) {
	p := c.rows
	g := make([]float64, p*p)
	run := chunksOf(p, c.cols, gramWeights)
	held := make([]float32, run.step*c.cols)
	weights := c.perWorker(run.step * c.cols)
	left, right := make([]panel, c.threads), make([]panel, c.threads)
	parts := make([]product, c.threads)
	for i := range parts {
		parts[i] = c.newProduct(run.step, run.step)
	}
	for i := range run.count() {
		a, b := run.bounds(i)
		if err := c.src.ReadRows(ctx, held[:(b-a)*c.cols], a, b); err != nil {
			return nil, err
		}
		err := ordered.Do(ctx, c.threads, run.count()-i, func(worker, j int) error {
			lo, hi := run.bounds(i + j)
			w := held
			if j > 0 {
				w = weights[worker]
				if err := c.src.ReadRows(ctx, w[:(hi-lo)*c.cols], lo, hi); err != nil {
					return err
				}
			}
			part := &parts[worker]
			part.rows, part.cols = hi-lo, b-a
			part.clear()
			for first := 0; first < c.cols; first += gramSegment {
				last := min(c.cols, first+gramSegment)
				right[worker].cut(held, b-a, c.cols, first, last)
				left[worker].cut(w, hi-lo, c.cols, first, last)
				part.add(ctx, &left[worker], &right[worker], j == 0)
			}
			part.addTo(g, p, lo, a) // no other worker's place
			return context.Cause(ctx)
		}, nil)
		if err != nil {
			return nil, err
		}
	}
	return g, nil
}

// panel is a block of a matrix [rows, cols], contiguous.
type panel struct {
	data       []float32
	rows, cols int
}

func (t *panel) reshape(rows, cols int) {
	t.rows, t.cols = rows, cols
	if cap(t.data) < rows*cols {
		t.data = make([]float32, rows*cols)
	}
	t.data = t.data[:rows*cols]
}

// transpose takes over w, which has cols columns: they become the rows.
func (t *panel) transpose(w []float32, cols int) {
	t.reshape(cols, len(w)/cols)
	for r := range t.cols {
		for j, v := range w[r*cols:][:cols] {
			t.data[j*t.cols+r] = v
		}
	}
}

// cut takes over columns [first, last) of rows of w, which has cols columns.
func (t *panel) cut(w []float32, rows, cols, first, last int) {
	t.reshape(rows, last-first)
	for r := range rows {
		copy(t.data[r*t.cols:][:t.cols], w[r*cols+first:])
	}
}

// product is the matrix L·Rᵀ of two panels, [rows, cols], summed over several.
type product struct {
	rows, cols int
	sum        []float64
	kernels    *kernel.Kernels // nil: float64
	x          kernel.Activations
	y          []float32
	l, r       []float64
}

func (c *computation) newProduct(rows, cols int) product {
	q := product{rows: rows, cols: cols, sum: make([]float64, rows*cols)}
	if min(c.rows, c.cols) > doubleLimit {
		q.kernels, q.y = c.kernels, make([]float32, rows*cols)
	}
	return q
}

func (q *product) clear() { clear(q.sum[:q.rows*q.cols]) }

// addTo adds the product to g, which has p columns, at row, col.
func (q *product) addTo(g []float64, p, row, col int) {
	for i := range q.rows {
		to := g[(row+i)*p+col:][:q.cols]
		for j, v := range q.sum[i*q.cols:][:q.cols] {
			to[j] += v
		}
	}
}

// add adds l·rᵀ. With lower, of a square product, what is above the diagonal is not
// needed. Once ctx has ended the sum is worth nothing.
func (q *product) add(ctx context.Context, l, r *panel, lower bool) {
	if q.kernels != nil {
		q.addSingle(ctx, l, r, lower)
		return
	}
	q.addDouble(l, r, lower)
}

// stripe is the number of rows of a product that are summed at a time.
const stripe = 64

func (q *product) addSingle(ctx context.Context, l, r *panel, lower bool) {
	for a := 0; a < q.rows && ctx.Err() == nil; a += stripe { // all at once may take a second
		b := min(q.rows, a+stripe)
		across := q.cols
		if lower {
			across = b
		}
		q.x.Pack(l.data[a*l.cols:b*l.cols], b-a, l.cols)
		q.kernels.DotRowsF32(q.y, across, &q.x, r.data[:across*r.cols], across)
		for i := range b - a {
			to := q.sum[(a+i)*q.cols:][:across]
			for j, v := range q.y[i*across:][:across] {
				to[j] += float64(v)
			}
		}
	}
}

// addDouble takes two rows by four at a time: what the registers hold. Products of
// float32 are exact in float64.
func (q *product) addDouble(l, r *panel, lower bool) {
	q.l, q.r = widen(q.l, l.data), widen(q.r, r.data)
	n := l.cols
	for i := 0; i < q.rows; i += 2 {
		x0 := q.l[i*n:][:n]
		x1 := x0
		if i+1 < q.rows {
			x1 = q.l[(i+1)*n:][:n]
		}
		across := q.cols
		if lower {
			across = min(across, i+2)
		}
		for j := 0; j < across; j += 4 {
			var s [8]float64
			if j+4 <= q.cols {
				dotTile(&s, x0, x1, q.r[j*n:][:n], q.r[(j+1)*n:][:n], q.r[(j+2)*n:][:n], q.r[(j+3)*n:][:n])
			} else {
				for k := range q.cols - j {
					y := q.r[(j+k)*n:][:n]
					for at, v := range y {
						s[k] += float64(x0[at] * v)
						s[4+k] += float64(x1[at] * v)
					}
				}
			}
			for k := range min(4, q.cols-j) {
				q.sum[i*q.cols+j+k] += s[k]
				if i+1 < q.rows {
					q.sum[(i+1)*q.cols+j+k] += s[4+k]
				}
			}
		}
	}
}

// dotTile sets s to the products of two rows with four.
func dotTile(s *[8]float64, x0, x1, y0, y1, y2, y3 []float64) {
	x1, y0, y1, y2, y3 = x1[:len(x0)], y0[:len(x0)], y1[:len(x0)], y2[:len(x0)], y3[:len(x0)]
	var a0, a1, a2, a3, b0, b1, b2, b3 float64
	for k, u := range x0 {
		v := x1[k]
		y := y0[k]
		a0 += float64(u * y)
		b0 += float64(v * y)
		y = y1[k]
		a1 += float64(u * y)
		b1 += float64(v * y)
		y = y2[k]
		a2 += float64(u * y)
		b2 += float64(v * y)
		y = y3[k]
		a3 += float64(u * y)
		b3 += float64(v * y)
	}
	*s = [8]float64{a0, a1, a2, a3, b0, b1, b2, b3}
}

// widen converts src to float64, in dst's memory if that is large enough.
func widen(dst []float64, src []float32) []float64 {
	if cap(dst) < len(src) {
		dst = make([]float64, len(src))
	}
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = float64(v)
	}
	return dst
}
