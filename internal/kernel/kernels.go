package kernel

// Kernels is the set of routines for one CPU level. It holds no data of a
// product and is safe for concurrent use.
type Kernels struct {
	level Level
}

// Level says which routines these are.
func (k *Kernels) Level() Level { return k.level }

// DotRows is X·Wᵀ: it sets y[b·ldy+r], for each vector b of x and each row r, to
// the dot product of the two. idx holds the indices of rows × x.Len() weights,
// row-major. It panics unless len(idx) == rows·x.Len(), ldy >= rows (for more
// than one vector) and y has room.
func (k *Kernels) DotRows(y []float32, ldy int, x *Activations, t *Table, idx []byte, rows int) {
	checkDot("DotRows", y, ldy, x, rows)
	if !isProduct(len(idx), rows, x.n) {
		panicf("DotRows: %d indices for %d rows of %d", len(idx), rows, x.n)
	}
	dotPortable(y, ldy, x, indexed{t, idx, x.n, x.n}, rows)
}

// AccumulateRows is X·W: for each vector b it adds x[b·ldx+r] times row r to
// y[b·ldy : b·ldy+cols], rows r = 0..rows-1 in ascending order. Row r of W is
// idx[r·ld : r·ld+cols]. It panics if a slice is too short or if ld < cols,
// ldx < rows or ldy < cols where there is more than one of that kind.
func (k *Kernels) AccumulateRows(y []float32, ldy int, x []float32, ldx, batch int, t *Table, idx []byte, ld, rows, cols int) {
	checkAccumulate("AccumulateRows", y, ldy, x, ldx, batch, rows, cols)
	if !fits(len(idx), rows, ld, cols) {
		panicf("AccumulateRows: %d indices for %d rows of %d, %d apart", len(idx), rows, cols, ld)
	}
	accumulatePortable(y, ldy, x, ldx, batch, indexed{t, idx, ld, cols}, rows, cols)
}

func checkDot(method string, y []float32, ldy int, x *Activations, rows int) {
	if rows < 0 || !fits(len(y), x.batch, ldy, rows) {
		panicf("%s: y has %d elements for %d vectors of %d, %d apart", method, len(y), x.batch, rows, ldy)
	}
}

func checkAccumulate(method string, y []float32, ldy int, x []float32, ldx, batch, rows, cols int) {
	if rows < 0 || cols < 0 || !fits(len(y), batch, ldy, cols) {
		panicf("%s: y has %d elements for %d vectors of %d, %d apart", method, len(y), batch, cols, ldy)
	}
	if !fits(len(x), batch, ldx, rows) {
		panicf("%s: x has %d elements for %d vectors of %d, %d apart", method, len(x), batch, rows, ldx)
	}
}
