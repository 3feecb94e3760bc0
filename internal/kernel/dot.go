package kernel

// DotRows is X·Wᵀ: it sets y[b·ldy+r], for each vector b of x and each row r, to
// the dot product of the two. idx holds the indices of rows × x.Len() weights,
// row-major. It panics unless len(idx) == rows·x.Len(), ldy >= rows (for more
// than one vector) and y has room.
func (k *Kernels) DotRows(y []float32, ldy int, x *Activations, t *Table, idx []byte, rows int) {
	checkDot("DotRows", y, ldy, x, rows)
	if !isProduct(len(idx), rows, x.n) {
		panicf("DotRows: %d indices for %d rows of %d", len(idx), rows, x.n)
	}
	if k.asm == nil {
		dotPortable(y, ldy, x, indexed{t, idx, x.n, x.n}, rows)
		return
	}
	k.dot(y, ldy, x, bytesMatrix(t, idx, x.n), rows)
}

// DotRowsF32 is DotRows for a matrix of float32: w holds rows × x.Len() weights.
func (k *Kernels) DotRowsF32(y []float32, ldy int, x *Activations, w []float32, rows int) {
	checkDot("DotRowsF32", y, ldy, x, rows)
	if !isProduct(len(w), rows, x.n) {
		panicf("DotRowsF32: %d weights for %d rows of %d", len(w), rows, x.n)
	}
	if k.asm == nil {
		dotPortable(y, ldy, x, denseF32{w, x.n, x.n}, rows)
		return
	}
	k.dot(y, ldy, x, denseMatrix(w, x.n), rows)
}

// DotRowsBF16 is DotRows for a matrix of bfloat16 bits.
func (k *Kernels) DotRowsBF16(y []float32, ldy int, x *Activations, w []uint16, rows int) {
	checkDot("DotRowsBF16", y, ldy, x, rows)
	if !isProduct(len(w), rows, x.n) {
		panicf("DotRowsBF16: %d weights for %d rows of %d", len(w), rows, x.n)
	}
	if k.asm == nil {
		dotPortable(y, ldy, x, denseBF16{w, x.n, x.n}, rows)
		return
	}
	k.dot(y, ldy, x, bf16Matrix(w, x.n), rows)
}

func checkDot(method string, y []float32, ldy int, x *Activations, rows int) {
	if rows < 0 || !fits(len(y), x.batch, ldy, rows) {
		panicf("%s: y has %d elements for %d vectors of %d, %d apart", method, len(y), x.batch, rows, ldy)
	}
}

// dot multiplies rows of a form that is not packed.
func (k *Kernels) dot(y []float32, ldy int, x *Activations, m matrix, rows int) {
	if rows == 0 || x.batch == 0 {
		return
	}
	if x.n == 0 {
		zeroRows(y, ldy, x.batch, rows)
		return
	}
	if k.asm.forms[m.form].direct(x.batch) {
		k.dotDirect(y, ldy, x, m, rows)
		return
	}
	tiled := rows &^ 3
	k.dotTiled(y, ldy, x, m, tiled, 1)
	if tiled < rows {
		m.w = m.row(tiled, 0)
		k.dotDirect(y[tiled:], ldy, x, m, rows-tiled)
	}
}

// direct says whether to multiply a batch straight from the lookup. Four vectors
// only if they take four rows at once: one row at a time, decoding is faster.
func (f *formRoutines) direct(batch int) bool {
	return batch <= maxDirect && f.dot1[batch] != nil && (batch < maxDirect || f.dot4[batch] != nil)
}

// dotDirect looks weights up and multiplies them at once. Four rows go
// together: row i of each quarter of the rows, so that memory is read as four
// long streams.
func (k *Kernels) dotDirect(y []float32, ldy int, x *Activations, m matrix, rows int) {
	f := &k.asm.forms[m.form]
	for b := 0; b < x.batch; {
		count, x0, step := x.vectors(b, f.dot1[:])
		done := 0
		if dot4 := f.dot4[count]; dot4 != nil {
			quarter := rows / 4
			for r := range quarter {
				dot4(&y[b*ldy+r], 4*quarter, 4*ldy, x0, step, m.row(r, 0), quarter*m.ld, m.table, x.n)
			}
			done = 4 * quarter
		}
		for r := done; r < rows; r++ {
			f.dot1[count](&y[b*ldy+r], 0, 4*ldy, x0, step, m.row(r, 0), 0, m.table, x.n)
		}
		b += count
	}
}

// dotStrips is dotDirect for whole strips of a packed form, for a batch that
// one routine takes.
func (k *Kernels) dotStrips(y []float32, ldy int, x *Activations, m matrix, rows int) {
	dot4 := k.asm.forms[m.form].dot4[x.batch]
	for r := 0; r < rows; r += 4 {
		dot4(&y[r], 4, 4*ldy, &x.data[0], 4*laneCount*x.batch, m.row(r/4, 0), 0, m.table, x.n)
	}
}

// vectors returns how many vectors from b on one of the routines takes, and
// where they are: they must lie in one panel.
func (a *Activations) vectors(b int, have []dotFunc) (count int, first *float32, step int) {
	p := a.panel(b / a.width * a.width)
	in := b % a.width
	count = min(p.width-in, maxDirect)
	for have[count] == nil {
		count--
	}
	return count, &p.data[in*laneCount], 4 * laneCount * p.width
}

// zeroRows is the product of vectors and rows without columns.
func zeroRows(y []float32, ldy, batch, rows int) {
	for b := range batch {
		clear(y[b*ldy:][:rows])
	}
}
