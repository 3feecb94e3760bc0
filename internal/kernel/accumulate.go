package kernel

import "unsafe"

// AccumulateRows is X·W: for each vector b it adds x[b·ldx+r] times row r to
// y[b·ldy : b·ldy+cols], rows r = 0..rows-1 in ascending order. Row r of W is
// idx[r·ld : r·ld+cols]. It panics if a slice is too short or if ld < cols,
// ldx < rows or ldy < cols where there is more than one of that kind.
func (k *Kernels) AccumulateRows(y []float32, ldy int, x []float32, ldx, batch int, t *Table, idx []byte, ld, rows, cols int) {
	checkAccumulate("AccumulateRows", y, ldy, x, ldx, batch, len(idx), ld, rows, cols)
	if k.asm == nil {
		accumulatePortable(y, ldy, x, ldx, batch, indexed{t, idx, ld, cols}, rows, cols)
		return
	}
	k.accumulate(y, ldy, x, ldx, batch, bytesMatrix(t, idx, ld), rows, cols, 1)
}

// AccumulateRowsF32 is AccumulateRows for a matrix of float32.
func (k *Kernels) AccumulateRowsF32(y []float32, ldy int, x []float32, ldx, batch int, w []float32, ld, rows, cols int) {
	checkAccumulate("AccumulateRowsF32", y, ldy, x, ldx, batch, len(w), ld, rows, cols)
	if k.asm == nil {
		accumulatePortable(y, ldy, x, ldx, batch, denseF32{w, ld, cols}, rows, cols)
		return
	}
	k.accumulate(y, ldy, x, ldx, batch, denseMatrix(w, ld), rows, cols, 1)
}

// AccumulateRowsBF16 is AccumulateRows for a matrix of bfloat16 bits.
func (k *Kernels) AccumulateRowsBF16(y []float32, ldy int, x []float32, ldx, batch int, w []uint16, ld, rows, cols int) {
	checkAccumulate("AccumulateRowsBF16", y, ldy, x, ldx, batch, len(w), ld, rows, cols)
	if k.asm == nil {
		accumulatePortable(y, ldy, x, ldx, batch, denseBF16{w, ld, cols}, rows, cols)
		return
	}
	k.accumulate(y, ldy, x, ldx, batch, bf16Matrix(w, ld), rows, cols, 1)
}

func checkAccumulate(method string, y []float32, ldy int, x []float32, ldx, batch, weights, ld, rows, cols int) {
	if rows < 0 || cols < 0 || !fits(len(y), batch, ldy, cols) {
		panicf("%s: y has %d elements for %d vectors of %d, %d apart", method, len(y), batch, cols, ldy)
	}
	if !fits(len(x), batch, ldx, rows) {
		panicf("%s: x has %d elements for %d vectors of %d, %d apart", method, len(x), batch, rows, ldx)
	}
	if !fits(weights, rows, ld, cols) {
		panicf("%s: %d weights for %d rows of %d, %d apart", method, weights, rows, cols, ld)
	}
}

// accumulate adds rows of any form; of packed ones a multiple of four.
// perStrip is how many rows a step of m.row is.
func (k *Kernels) accumulate(y []float32, ldy int, x []float32, ldx, batch int, m matrix, rows, cols, perStrip int) {
	if rows == 0 || cols == 0 || batch == 0 {
		return
	}
	if batch <= maxDirect && k.asm.forms[m.form].accumulate[batch] != nil {
		k.accumulateDirect(y, ldy, x, ldx, batch, m, rows, cols, perStrip)
		return
	}
	k.accumulateTiled(y, ldy, x, ldx, batch, m, rows, cols, perStrip)
}

// accumulateDirect looks weights up and multiplies them at once, for a batch
// that one routine takes. A few rows go together so that y is not loaded and
// stored for each of them; not too many, as rows that are a multiple of 4 KiB
// apart share the same few places in the L1 cache.
func (k *Kernels) accumulateDirect(y []float32, ldy int, x []float32, ldx, batch int, m matrix, rows, cols, perStrip int) {
	const maxRows = 8
	accumulate := k.asm.forms[m.form].accumulate[batch]
	whole, width := cols/groupSize*groupSize, cols%groupSize
	for r := 0; r < rows; r += maxRows {
		n := min(maxRows, rows-r)
		if whole > 0 {
			accumulate(&y[0], 4*ldy, &x[r], 4*ldx, m.row(r/perStrip, 0), m.ld, m.table, n, whole)
		}
		if width > 0 {
			s := k.scratch.Get().(*scratch)
			last := s.stage(matrix{m.form, m.row(r/perStrip, whole), m.ld, m.table}, n, width)
			sums := resize(&s.sums, maxDirect*groupSize)
			for b := range batch {
				copy(sums[b*groupSize:], y[b*ldy+whole:][:width])
			}
			accumulate(&sums[0], 4*groupSize, &x[r], 4*ldx, last.w, last.ld, last.table, n, groupSize)
			for b := range batch {
				copy(y[b*ldy+whole:][:width], sums[b*groupSize:])
			}
			k.scratch.Put(s)
		}
	}
}

// stage copies the last columns of rows to where a whole group can be read.
// Packed forms are padded and stay where they are.
func (s *scratch) stage(m matrix, rows, columns int) matrix {
	if m.form.packed() {
		return m
	}
	group := bytesPerGroup[m.form]
	size := group / groupSize * columns
	staged := resize(&s.staged, rows*group)
	for r := range rows {
		copy(staged[r*group:], unsafe.Slice(m.row(r, 0), size))
	}
	return matrix{m.form, &staged[0], group, m.table}
}

func (f form) packed() bool { return f >= formPacked6BF16 && f <= formPacked4F32 }
