package se

import (
	"context"

	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/ordered"
)

// operator multiplies by the Gram matrix A of the shorter side, A = WᵀW or W·Wᵀ,
// without forming it: once (twice for a wide matrix) through the weights, chunk by
// chunk. Products are the kernels' float32, sums over chunks float64, in order.
type operator struct {
	c       *computation
	p       int // side of A
	run     chunks
	weights [][]float32 // a chunk for each worker
	y, z    [][]float32 // products of a chunk, for each worker
	x32     []float32
	long    []float64 // Wᵀx of a wide matrix
	x       kernel.Activations
	passes  int
}

// groupWeights bounds the values of the vectors that are multiplied together.
const groupWeights = 1 << 20

func (c *computation) newOperator() *operator {
	o := &operator{c: c, p: min(c.rows, c.cols), run: chunksOf(c.rows, c.cols, chunkWeights)}
	o.weights = c.perWorker(o.run.step * c.cols)
	o.y, o.z = make([][]float32, c.threads), make([][]float32, c.threads)
	return o
}

// apply sets each vector of y to A times that of x, all of length p.
func (o *operator) apply(ctx context.Context, y, x [][]float64) error {
	group := max(1, groupWeights/max(o.c.rows, o.c.cols))
	for len(x) > 0 {
		n := min(len(x), group)
		if cap(o.x32) < n*o.p {
			o.x32 = make([]float32, n*o.p)
		}
		o.x32 = o.x32[:n*o.p]
		for b := range n {
			narrow(o.x32[b*o.p:][:o.p], x[b])
		}
		var err error
		if o.c.rows < o.c.cols {
			err = o.wide(ctx, y[:n])
		} else {
			err = o.tall(ctx, y[:n])
		}
		if err != nil {
			return err
		}
		x, y = x[n:], y[n:]
	}
	return nil
}

// tall is y = Wᵀ(W·x): each chunk of rows gives its own part.
func (o *operator) tall(ctx context.Context, y [][]float64) error {
	o.x.Pack(o.x32, len(y), o.p)
	return o.accumulate(ctx, y, func(worker int, w []float32, a, b int) []float32 {
		rows := b - a
		o.y[worker] = grow(o.y[worker], len(y)*rows)
		o.c.kernels.DotRowsF32(o.y[worker], rows, &o.x, w, rows)
		return o.y[worker]
	})
}

// accumulate sets z = Wᵀ·y, where products gives y for the rows of a chunk,
// [vector][row].
func (o *operator) accumulate(ctx context.Context, z [][]float64, products func(worker int, w []float32, a, b int) []float32) error {
	n := o.c.cols
	for _, v := range z {
		clear(v)
	}
	o.passes++
	return ordered.Do(ctx, o.c.threads, o.run.count(), func(worker, i int) error {
		a, b := o.run.bounds(i)
		w := o.weights[worker][:(b-a)*n]
		if err := o.c.src.ReadRows(ctx, w, a, b); err != nil {
			return err
		}
		y := products(worker, w, a, b)
		o.z[worker] = grow(o.z[worker], len(z)*n)
		clear(o.z[worker])
		o.c.kernels.AccumulateRowsF32(o.z[worker], n, y, b-a, len(z), w, n, b-a, n)
		return nil
	}, func(worker, _ int) {
		for v := range z {
			to := z[v]
			for j, part := range o.z[worker][v*n:][:n] {
				to[j] += float64(part)
			}
		}
	})
}

// wide is y = W·(Wᵀ·x), two passes.
func (o *operator) wide(ctx context.Context, y [][]float64) error {
	n, batch := o.c.cols, len(y)
	if cap(o.long) < batch*n {
		o.long = make([]float64, batch*n)
	}
	middle := make([][]float64, batch)
	for v := range middle {
		middle[v] = o.long[v*n:][:n]
	}
	err := o.accumulate(ctx, middle, func(worker int, _ []float32, a, b int) []float32 {
		o.y[worker] = grow(o.y[worker], batch*(b-a))
		for v := range batch {
			copy(o.y[worker][v*(b-a):], o.x32[v*o.p+a:v*o.p+b])
		}
		return o.y[worker]
	})
	if err != nil {
		return err
	}
	o.x32 = grow(o.x32, batch*n)
	for v := range middle {
		narrow(o.x32[v*n:][:n], middle[v])
	}
	o.x.Pack(o.x32, batch, n)
	o.passes++
	return ordered.Do(ctx, o.c.threads, o.run.count(), func(worker, i int) error {
		a, b := o.run.bounds(i)
		w := o.weights[worker][:(b-a)*n]
		if err := o.c.src.ReadRows(ctx, w, a, b); err != nil {
			return err
		}
		o.y[worker] = grow(o.y[worker], batch*(b-a))
		o.c.kernels.DotRowsF32(o.y[worker], b-a, &o.x, w, b-a)
		for v := range batch {
			for r, value := range o.y[worker][v*(b-a):][:b-a] {
				y[v][a+r] = float64(value)
			}
		}
		return nil
	}, nil)
}

// grow returns a slice of length n, in x's memory if that is large enough.
func grow(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}

func narrow(dst []float32, src []float64) {
	for i, v := range src {
		dst[i] = float32(v)
	}
}
