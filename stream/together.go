package stream

import (
	"context"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/workers"
)

// Product asks for products with rows [A, B) of a matrix.
type Product struct {
	W    Matrix
	A, B int
	// Y gets, for each vector, B−A products.
	Y []float32
	// Scale is what they are multiplied by; 0 stands for 1.
	Scale float32
	// Bias, of length B−A, is added to them then; nil for none.
	Bias []float32
}

// DotAll computes several products of the same vectors x, as [Matrix.RowsDot] of each matrix does, with the same bits. Those
// with matrices of the engine's own that follow each other go together: the workers meet once for all of them, and
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
		n, err := e.dotOwn(ctx, x, products)
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
	if n := p.B - p.A; n > 0 {
		finish(p.Y, n, n, len(p.Y)/n, p.Scale, p.Bias)
	}
	return nil
}

// finish multiplies n products of each of the vectors, ldy apart, by a scale, 0 for none, and adds a bias, nil for none.
func finish(y []float32, ldy, n, batch int, scale float32, bias []float32) {
	if scale == 0 && bias == nil {
		return
	}
	for v := range batch {
		sums := y[v*ldy:][:n]
		if scale != 0 {
			for i := range sums {
				sums[i] *= scale
			}
		}
		for i, b := range bias {
			sums[i] += b
		}
	}
}

// dotOwn computes the first of the products, as many as are with matrices of the engine's own, and tells how many these are.
func (e *Engine) dotOwn(ctx context.Context, x []float32, products []Product) (n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := &e.group
	g.begin(e, x, len(x)/products[0].W.Cols())
	for i := range products {
		p := &products[i]
		memory, streamed := e.own(p.W)
		if memory == nil && streamed == nil {
			break
		}
		g.add(job{memory: memory, streamed: streamed, y: p.Y, scale: p.Scale, bias: p.Bias, a: p.A, b: p.B})
		n++
	}
	_, err = g.run(ctx)
	return n, err
}

// own returns a matrix of the engine's own as what it is now, nothing if it is another's. The engine is locked.
func (e *Engine) own(w Matrix) (inMemory, streamed) {
	var m *indexed
	switch w := w.(type) {
	case *Quantized:
		m = &w.indexed
	case *Lattice:
		m = &w.indexed
	case *Lossless:
		switch {
		case w.blocks.engine != e:
		case w.dense != nil:
			return w.dense, nil
		default:
			return nil, w
		}
	case *Dense:
		if w.engine == e {
			return w, nil
		}
	}
	switch {
	case m == nil || m.engine != e:
		return nil, nil
	case m.resident != nil:
		return m, nil
	}
	return nil, m
}

// operand is a matrix that takes part in a group's products.
type operand interface {
	Cols() int
	// wants says what vectors are scaled by, and what corrects their products; nil for nothing.
	wants() (*scales, *corrections)
}

// inMemory is a matrix whose rows lie in memory.
type inMemory interface {
	operand
	// dotRows computes y[v·ldy + r−lo] = w_r · x_v for rows [lo, hi).
	dotRows(y []float32, ldy int, in *input, lo, hi int, s *Stats)
}

// streamed is a matrix whose blocks are read as they are multiplied by.
type streamed interface {
	operand
	source() (*cdna.Blocks, *Layout)
	// routed tells whether a cache of experts knows which blocks come next.
	routed() bool
	// dotBlock is dotRows for rows of block i, which it reads into worker w's buffers.
	dotBlock(ctx context.Context, y []float32, ldy int, in *input, w, i, lo, hi int, s *Stats) error
}

// group is products of the same vectors, an engine's running one. It keeps its memory for the next.
type group struct {
	engine *Engine
	ctx    context.Context // while it runs
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

	streams bool // past the page cache, and nobody but the group tells what comes next
	ahead   lookahead
}

// job is a product of a group.
type job struct {
	memory   inMemory // or
	streamed streamed
	in       *input
	y, bias  []float32
	scale    float32
	a, b     int
}

func (j *job) operand() operand {
	if j.memory != nil {
		return j.memory
	}
	return j.streamed
}

// part is some rows of a job: of a streamed one, those in a block.
type part struct {
	job    *job
	lo, hi int
	block  int
}

// begin empties the group for products of other vectors.
func (g *group) begin(e *Engine, x []float32, batch int) {
	clear(g.jobs)
	g.engine, g.x, g.batch, g.jobs, g.inputs, g.used = e, x, batch, g.jobs[:0], g.inputs[:0], 0
}

// add adds products, whose vectors are to be packed.
func (g *group) add(j job) {
	s, c := j.operand().wants()
	j.in = g.input(j.operand().Cols(), s, c)
	g.jobs = append(g.jobs, j)
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
	weights, inMemory, routed := 0, true, false
	cols := g.jobs[0].operand().Cols()
	for i := range g.jobs {
		weights += (g.jobs[i].b - g.jobs[i].a) * cols
		inMemory = inMemory && g.jobs[i].memory != nil
		routed = routed || g.jobs[i].streamed != nil && g.jobs[i].streamed.routed()
	}
	if weights == 0 {
		return Stats{}, nil
	}
	values := len(g.inputs) * g.batch * cols
	threads := e.threads
	if inMemory && weights*g.batch < oneWorker {
		threads = 1
	}
	g.packed = g.packed[:0]
	for _, in := range g.inputs {
		g.packed = cutInput(g.packed, in, cols, max(leastPacked, values/(4*threads)))
	}
	if err := e.pool.Run(ctx, threads, len(g.packed), (*packing)(g)); err != nil {
		return Stats{}, err
	}
	g.cut(weights, threads)
	threads, err := g.reserve(threads)
	if err != nil {
		return Stats{}, err
	}
	if g.streams = !inMemory && !routed && e.budget != nil; g.streams {
		g.ahead.begin(g)
	}
	g.stats, g.ctx = clearedStats(g.stats, threads), ctx
	defer func() { g.ctx = nil }()
	total := Stats{Workers: min(threads, len(g.parts))}
	if err := e.pool.Run(ctx, threads, len(g.parts), (*multiplying)(g)); err != nil {
		return Stats{}, err
	}
	for i := range g.stats {
		total.add(&g.stats[i])
	}
	return total, nil
}

// reserve makes room for the blocks of streamed jobs, if there are any, and tells for how many workers there is some.
func (g *group) reserve(threads int) (int, error) {
	var all Layout // of buffers that any of their blocks fits in
	for i := range g.jobs {
		if s := g.jobs[i].streamed; s != nil {
			_, l := s.source()
			all.Name, all.PackedBuffer, all.UnpackedBuffer = l.Name, max(all.PackedBuffer, l.PackedBuffer), max(all.UnpackedBuffer, l.UnpackedBuffer)
		}
	}
	if all.UnpackedBuffer == 0 {
		return threads, nil
	}
	threads, _, err := g.engine.buffers.reserve(&all, min(threads, len(g.parts)), 0)
	return threads, err
}

// clearedStats returns n empty ones, in the memory of s if there is room.
func clearedStats(s []Stats, n int) []Stats {
	if cap(s) < n {
		return make([]Stats, n)
	}
	clear(s[:n])
	return s[:n]
}

// cut divides the jobs' rows: of streamed ones by blocks. Else parts become smaller towards the end, because all wait for the
// one that comes last, and end where strips and tiles of rows do, but for the last of a job.
func (g *group) cut(weights, threads int) {
	unit := 16
	if g.batch > 1 {
		unit = 32
	}
	g.parts = g.parts[:0]
	for i := range g.jobs {
		j := &g.jobs[i]
		cols := j.operand().Cols()
		if j.streamed != nil {
			g.cutBlocks(j)
			weights -= (j.b - j.a) * cols
			continue
		}
		for lo := j.a; lo < j.b; {
			size := residentChunk
			if threads > 1 {
				size = min(max(weights/(2*threads), leastPart/g.batch), residentChunk)
			}
			hi := min((lo+max(size/cols, unit))/unit*unit, j.b)
			if j.b-hi < unit {
				hi = j.b
			}
			g.parts = append(g.parts, part{job: j, lo: lo, hi: hi})
			weights -= (hi - lo) * cols
			lo = hi
		}
	}
}

// cutBlocks divides a streamed job's rows.
func (g *group) cutBlocks(j *job) {
	if j.a == j.b {
		return
	}
	file, _ := j.streamed.source()
	first, last := blockRange(file, j.a, j.b)
	for i := first; i < last; i++ {
		block := file.Block(i)
		g.parts = append(g.parts, part{j, max(j.a, block.FirstRow), min(j.b, block.FirstRow+block.Rows), i})
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
	if g.streams && j.streamed != nil {
		file, _ := j.streamed.source()
		g.ahead.next(file, p.block)
	}
	y, ldy := j.y[p.lo-j.a:], j.b-j.a
	if j.memory != nil {
		j.memory.dotRows(y, ldy, j.in, p.lo, p.hi, &g.stats[worker])
	} else if err := j.streamed.dotBlock(g.ctx, y, ldy, j.in, worker, p.block, p.lo, p.hi, &g.stats[worker]); err != nil {
		return err
	}
	var bias []float32
	if j.bias != nil {
		bias = j.bias[p.lo-j.a : p.hi-j.a]
	}
	finish(y, ldy, p.hi-p.lo, g.batch, j.scale, bias)
	return nil
}
