package stream

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/workers"
)

// Product asks for products with rows [A, B) of a matrix.
type Product struct {
	W    Matrix
	A, B int
	// Y gets, for each vector, B−A products.
	Y []float32
	// Bias, of length B−A, is added to them; nil for none.
	Bias []float32
}

// DotAll computes several products of the same vectors x, as [Matrix.RowsDot] of each matrix does, with the same bits. Those
// with matrices in the engine's memory that follow each other go together: the workers meet once for all of them, and
// where matrices take vectors as they are, these are packed once. No Y may overlap x or another one's. Errors are RowsDot's.
func (e *Engine) DotAll(ctx context.Context, x []float32, products ...Product) error {
	for i := range products {
		p := &products[i]
		if cols := p.W.Cols(); cols != products[0].W.Cols() {
			return fmt.Errorf("products of the same vectors with matrices of %d and %d columns: %w", products[0].W.Cols(), cols, ErrShape)
		}
		if _, err := checkDot(p.W.Rows(), p.W.Cols(), p.Y, x, p.A, p.B); err != nil {
			return err
		}
		if p.Bias != nil && len(p.Bias) != p.B-p.A {
			return fmt.Errorf("a bias of %d for rows [%d, %d): %w", len(p.Bias), p.A, p.B, ErrShape)
		}
	}
	for len(products) > 0 {
		n, err := e.dotInMemory(ctx, x, products)
		if n == 0 && err == nil {
			n, err = 1, products[0].alone(ctx, x)
		}
		if err != nil {
			return err
		}
		products = products[n:]
	}
	return nil
}

// alone computes a product by itself.
func (p *Product) alone(ctx context.Context, x []float32) error {
	if _, err := p.W.RowsDot(ctx, p.Y, x, p.A, p.B); err != nil {
		return err
	}
	if len(p.Bias) > 0 {
		addBias(p.Y, p.B-p.A, len(p.Y)/len(p.Bias), p.Bias)
	}
	return nil
}

// addBias adds a bias to the products of each of the vectors, ldy apart.
func addBias(y []float32, ldy, batch int, bias []float32) {
	for v := range batch {
		sums := y[v*ldy:][:len(bias)]
		for i, b := range bias {
			sums[i] += b
		}
	}
}

// dotInMemory computes the first of the products, as many as have their matrices in memory, and tells how many these are.
func (e *Engine) dotInMemory(ctx context.Context, x []float32, products []Product) (n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := &e.group
	g.begin(e, x, len(x)/products[0].W.Cols())
	for i := range products {
		p := &products[i]
		m := e.memoryOf(p.W)
		if m == nil {
			break
		}
		g.add(m, p.Y, p.Bias, p.A, p.B)
		n++
	}
	_, err = g.run(ctx)
	return n, err
}

// memoryOf returns a matrix in the engine's memory, nil if it is elsewhere. The engine is locked.
func (e *Engine) memoryOf(w Matrix) inMemory {
	switch w := w.(type) {
	case *Quantized:
		if w.engine == e && w.resident != nil {
			return &w.indexed
		}
	case *Lattice:
		if w.engine == e && w.resident != nil {
			return &w.indexed
		}
	case *Lossless:
		if w.blocks.engine == e && w.dense != nil {
			return w.dense
		}
	case *Dense:
		if w.engine == e {
			return w
		}
	}
	return nil
}

// inMemory is a matrix whose rows lie in memory.
type inMemory interface {
	Cols() int
	// wants says what vectors are scaled by, and what corrects their products; nil for nothing.
	wants() (*scales, *corrections)
	// dotRows computes y[v·ldy + r−lo] = w_r · x_v for rows [lo, hi).
	dotRows(y []float32, ldy int, in *input, lo, hi int, s *Stats)
}

// group is products of the same vectors, an engine's running one: several with matrices in memory, or one with a
// streamed matrix, which only takes an input from it. It keeps its memory for the next.
type group struct {
	engine *Engine
	x      []float32
	batch  int
	inputs []*input // those of the products
	plain  input    // for all matrices that take the vectors as they are
	scaled []*input // for one matrix each: the first is the largest
	used   int      // of scaled
	jobs   []job
	packed []inputPart
	parts  []part
	stats  []Stats // per worker
}

// job is a product of a group.
type job struct {
	m       inMemory
	in      *input
	y, bias []float32
	a, b    int
}

// part is some rows of a job.
type part struct {
	job    *job
	lo, hi int
}

// begin empties the group for products of other vectors.
func (g *group) begin(e *Engine, x []float32, batch int) {
	clear(g.jobs)
	g.engine, g.x, g.batch, g.jobs, g.inputs, g.used = e, x, batch, g.jobs[:0], g.inputs[:0], 0
}

// add adds products with rows [a, b) of a matrix.
func (g *group) add(m inMemory, y, bias []float32, a, b int) {
	s, c := m.wants()
	g.jobs = append(g.jobs, job{m, g.input(m.Cols(), s, c), y, bias, a, b})
}

// input returns room for the vectors as a matrix wants them, to be packed.
func (g *group) input(cols int, s *scales, c *corrections) *input {
	for _, in := range g.inputs {
		if in.scales == s { // those of the same matrix, or of none
			return in
		}
	}
	in := &g.plain
	if s != nil {
		if g.used == len(g.scaled) {
			g.scaled = append(g.scaled, new(input))
		}
		in = g.scaled[g.used]
		g.used++
	}
	g.inputs = append(g.inputs, in)
	in.take(g.engine, g.x, g.batch, cols, s, c)
	return in
}

// residentChunk is about how many indices a worker multiplies at a time at most, and leastPart how many products it makes
// at least.
const (
	residentChunk = 1 << 20
	leastPart     = 1 << 16
)

// oneWorker is the number of multiplications below which a product is done before
// a second worker has begun.
const oneWorker = 1 << 16

// run computes the products, and returns what the workers did together.
func (g *group) run(ctx context.Context) (Stats, error) {
	e := g.engine
	if err := context.Cause(ctx); err != nil || len(g.jobs) == 0 || g.batch == 0 {
		return Stats{}, err
	}
	weights, values := 0, 0
	for i := range g.jobs {
		weights += (g.jobs[i].b - g.jobs[i].a) * g.jobs[i].m.Cols()
	}
	cols := g.jobs[0].m.Cols()
	values = len(g.inputs) * g.batch * cols
	threads := e.threads
	if weights*g.batch < oneWorker {
		threads = 1
	}
	g.packed = g.packed[:0]
	for _, in := range g.inputs {
		g.packed = cutInput(g.packed, in, cols, max(leastPacked, values/(4*threads)))
	}
	g.cut(weights, threads)
	g.stats = clearedStats(g.stats, threads)
	if err := e.pool.Run(ctx, threads, len(g.packed), (*packing)(g)); err != nil {
		return Stats{}, err
	}
	total := Stats{Workers: min(threads, len(g.parts))}
	if err := e.pool.Run(ctx, threads, len(g.parts), (*multiplying)(g)); err != nil {
		return Stats{}, err
	}
	for i := range g.stats {
		total.add(&g.stats[i])
	}
	return total, nil
}

// clearedStats returns n empty ones, in the memory of s if there is room.
func clearedStats(s []Stats, n int) []Stats {
	if cap(s) < n {
		return make([]Stats, n)
	}
	clear(s[:n])
	return s[:n]
}

// cut divides the jobs' rows. Parts become smaller towards the end, because all wait for the one that comes last. They end
// where strips and tiles of rows do, but for the last of a job.
func (g *group) cut(weights, threads int) {
	unit := 16
	if g.batch > 1 {
		unit = 32
	}
	g.parts = g.parts[:0]
	for i := range g.jobs {
		j := &g.jobs[i]
		cols := j.m.Cols()
		for lo := j.a; lo < j.b; {
			size := residentChunk
			if threads > 1 {
				size = min(max(weights/(2*threads), leastPart/g.batch), residentChunk)
			}
			hi := min((lo+max(size/cols, unit))/unit*unit, j.b)
			if j.b-hi < unit {
				hi = j.b
			}
			g.parts = append(g.parts, part{j, lo, hi})
			weights -= (hi - lo) * cols
			lo = hi
		}
	}
}

// packing and multiplying are what the workers do for a group.
type (
	packing     group
	multiplying group
)

var _ = []workers.Task{(*packing)(nil), (*multiplying)(nil)}

func (g *packing) Do(_, i int) error {
	p := &g.packed[i]
	p.in.pack(p.first, p.last, p.from, p.to)
	return nil
}

func (g *multiplying) Do(worker, i int) error {
	p := &g.parts[i]
	j := p.job
	y, ldy := j.y[p.lo-j.a:], j.b-j.a
	j.m.dotRows(y, ldy, j.in, p.lo, p.hi, &g.stats[worker])
	if j.bias != nil {
		addBias(y, ldy, g.batch, j.bias[p.lo-j.a:p.hi-j.a])
	}
	return nil
}
