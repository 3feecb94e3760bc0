package linalg

import "context"

const (
	blockSteps   = 192  // inner indices at a time: a panel of B stays in the L1 cache
	blockRows    = 192  // rows of C at a time: their part of A stays in the L2 cache
	blockColumns = 2048 // columns of C at a time: bounds the packed part of B

	// sharedFrom is the number of multiply-adds that are worth waking threads for.
	sharedFrom = 1 << 18
)

// shape says which part of a product is wanted.
type shape int

const (
	whole       shape = iota
	lowerResult       // the lower triangle of C, which is square; the rest is not touched
	lowerFactor       // B is lower triangular: what lies above its diagonal counts as zero
)

// product is C ± A·B with C [m, n], A [m, k], B [k, n].
type product struct {
	c       []float64
	ldc     int
	a, b    source // a is nil if A is the transpose of B and all of B is packed at once
	m, n, k int
	shape   shape
	sign    Sign
}

// run does the product in blocks: some columns of B are packed into panels as
// wide as a register tile, by all threads, and then each thread takes some rows
// of A and multiplies them by all panels.
func (e *Engine) run(ctx context.Context, p product) error {
	s := e.scratch.Get().(*scratch)
	defer e.scratch.Put(s)
	threads := e.threads
	if p.m*p.n*p.k < sharedFrom {
		threads = 1
	}
	rows := e.rowsAtOnce(p.m, threads)
	blocks := (p.m + rows - 1) / rows
	for first := 0; first < p.n; first += e.packedColumns() {
		start := 0
		if p.shape == lowerFactor {
			start = first
		}
		for step := start; step < p.k; step += blockSteps {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := block{product: p, first: first, columns: min(e.packedColumns(), p.n-first), step: step, steps: min(blockSteps, p.k-step)}
			panels := (b.columns + e.columns - 1) / e.columns
			parallel(threads, panels, func(_, i int) { e.packPanel(s.columns, b, i*e.columns) })
			parallel(threads, blocks, func(worker, i int) {
				row := (blocks - 1 - i) * rows // the longest rows of a triangle first
				e.multiplyRows(s, s.workers[worker], b, row, min(rows, p.m-row))
			})
		}
	}
	return ctx.Err()
}

// rowsAtOnce cuts m rows of C so that every thread gets several parts.
func (e *Engine) rowsAtOnce(m, threads int) int {
	parts := 1
	if threads > 1 {
		parts = 4 * threads
	}
	tiles := (m + e.rows*parts - 1) / (e.rows * parts)
	return min(max(tiles, 1)*e.rows, blockRows/e.rows*e.rows)
}

// block is the part of a product that has some columns and some steps.
type block struct {
	product
	first, columns int
	step, steps    int
}

// width returns how wide the panel is that begins at a column of the block: as
// a register tile, or what is left, in whole registers.
func (e *Engine) width(b block, column int) int {
	return min(e.columns, (b.columns-column+e.rows-1)/e.rows*e.rows)
}

// packPanel packs the panel of B that begins at a column of the block.
func (e *Engine) packPanel(dst []float64, b block, column int) {
	width, count := e.width(b, column), min(e.columns, b.columns-column)
	panel := dst[column*blockSteps:][:b.steps*width]
	b.b.pack(e.kernels, panel, width, b.step, b.steps, b.first+column, count)
	if b.shape == lowerFactor {
		for i := range count {
			for p := range min(max(b.first+column+i-b.step, 0), b.steps) {
				panel[p*width+i] = 0
			}
		}
	}
	if b.sign == Minus {
		for i, v := range panel {
			panel[i] = -v
		}
	}
}

// multiplyRows adds the block's products to count rows of C from row on.
func (e *Engine) multiplyRows(s *scratch, worker []float64, b block, row, count int) {
	if b.shape == lowerResult && row+count <= b.first {
		return
	}
	tile := worker[:e.rows*e.columns]
	left := e.leftRows(s, worker[len(tile):], b, row, count)
	for column := 0; column < b.columns; column += e.columns {
		j := b.first + column
		if b.shape == lowerResult && j >= row+count {
			return
		}
		skip := 0 // steps in which all of the panel is zero
		if b.shape == lowerFactor {
			skip = max(j-b.step, 0)
			if skip >= b.steps {
				return
			}
		}
		width := e.width(b, column)
		panel := s.columns[column*blockSteps:][skip*width : b.steps*width]
		for r := 0; r < count; r += e.rows {
			if b.shape == lowerResult && row+r+e.rows <= j {
				continue
			}
			e.multiplyTile(tile, b, row+r, j, left(r).from(skip), panel, width, b.steps-skip)
		}
	}
}

// rowsOfA are as many rows of A as a tile has: element p of row i is
// data[i·ld+p·step].
type rowsOfA struct {
	data     []float64
	ld, step int
}

// from leaves steps out.
func (r rowsOfA) from(steps int) rowsOfA {
	r.data = r.data[steps*r.step:]
	return r
}

// leftRows returns where the rows of A are, r counted from row: in a panel of
// B; where they lie in memory, which is as fast as packing them; or packed, if
// they are not float64 or fewer than a tile has.
func (e *Engine) leftRows(s *scratch, packed []float64, b block, row, count int) func(r int) rowsOfA {
	if b.a == nil {
		return func(r int) rowsOfA {
			i := row + r - b.first
			column := i / e.columns * e.columns
			return rowsOfA{s.columns[column*blockSteps+i-column:], 1, e.width(b, column)}
		}
	}
	direct, inMemory := b.a.(turned)
	for r := 0; r < count; r += e.rows {
		if inMemory && r+e.rows <= count {
			continue
		}
		b.a.pack(e.kernels, packed[r*b.steps:][:e.rows*b.steps], e.rows, b.step, b.steps, row+r, min(e.rows, count-r))
	}
	return func(r int) rowsOfA {
		if inMemory && r+e.rows <= count {
			return rowsOfA{direct.data[(row+r)*direct.ld+b.step:], direct.ld, 1}
		}
		return rowsOfA{packed[r*b.steps:], 1, e.rows}
	}
}

// multiplyTile adds a times panel to the tile of C at row i and column j, by
// way of the scratch tile if not all of it is C's.
func (e *Engine) multiplyTile(tile []float64, b block, i, j int, a rowsOfA, panel []float64, width, steps int) {
	rows, columns := min(e.rows, b.m-i), min(width, b.n-j)
	if rows == e.rows && columns == width && (b.shape != lowerResult || i >= j+columns-1) {
		e.kernels.MulTile64(b.c[i*b.ldc+j:], b.ldc, width, a.data, a.ld, a.step, panel, steps)
		return
	}
	owned := func(r int) int { // how much of row r is C's
		if b.shape == lowerResult {
			return max(min(columns, i+r-j+1), 0)
		}
		return columns
	}
	clear(tile)
	for r := range rows {
		copy(tile[r*width:], b.c[(i+r)*b.ldc+j:][:owned(r)])
	}
	e.kernels.MulTile64(tile, width, width, a.data, a.ld, a.step, panel, steps)
	for r := range rows {
		copy(b.c[(i+r)*b.ldc+j:], tile[r*width:][:owned(r)])
	}
}
