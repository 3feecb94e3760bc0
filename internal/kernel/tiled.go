package kernel

// Products of many vectors: a tile of weights is decoded once and multiplied by
// all vectors. Sums go back to memory as they are (they are float32 in the
// canon), so cutting a row into blocks doesn't change a bit.

const (
	tileRows    = 32              // rows decoded at a time
	tileColumns = 1024            // columns decoded at a time: 4 rows and a panel fit the L1 cache
	tileBatch   = 44 * panelWidth // a common batch, 256, at once

	// Few vectors: all of them and four rows fit the L1 cache, this many columns at a time. What would be a short rest goes along.
	narrowBatch   = 48
	narrowColumns = 512
	narrowRest    = narrowColumns / 4
)

// dotTiled multiplies rows, a multiple of four. perStrip is how many rows a
// step of m.row is: 1, or 4 for packed forms.
func (k *Kernels) dotTiled(y []float32, ldy int, x *Activations, m matrix, rows, perStrip int) {
	s := k.scratch.Get().(*scratch)
	defer k.scratch.Put(s)
	if x.batch <= narrowBatch {
		k.dotNarrow(s, y, ldy, x, m, rows, perStrip)
		return
	}
	for first := 0; first < rows; first += tileRows {
		for b := 0; b < x.batch; b += tileBatch {
			k.dotTile(s, y, ldy, x, m, first, min(tileRows, rows-first), b, min(tileBatch, x.batch-b), perStrip)
		}
	}
}

// dotTile multiplies rows first.. by batch vectors from b0 on.
func (k *Kernels) dotTile(s *scratch, y []float32, ldy int, x *Activations, m matrix, first, rows, b0, batch, perStrip int) {
	const stripSize = 4 * tileColumns
	decode := k.asm.forms[m.form].decodeLanes
	weights := resize(&s.weights, tileRows*tileColumns+4*tileBatch)
	sums := resize(&s.sums, rows*batch*laneCount)
	clear(sums)
	for column := 0; column < x.n; column += tileColumns {
		n := min(tileColumns, x.n-column)
		for r := 0; r < rows; r += 4 {
			decode(&weights[r/4*stripSize], m.row((first+r)/perStrip, column), m.ld, m.table, n)
		}
		steps := (n + groupSize - 1) / groupSize * stepCount
		sum := sums
		for b := 0; b < batch; b += x.width {
			p := x.panel(b0 + b)
			gemm := k.asm.gemm[p.width]
			px := &p.data[column*p.width]
			for r := 0; r < rows; r += 4 {
				gemm(&sum[0], px, &weights[r/4*stripSize], steps)
				sum = sum[4*p.width*laneCount:]
			}
		}
	}
	out := weights[tileRows*tileColumns:]
	sum := sums
	for b := 0; b < batch; b += x.width {
		width := min(x.width, batch-b)
		for r := 0; r < rows; r += 4 {
			k.asm.reduce(&out[0], &sum[0], 4*width)
			sum = sum[4*width*laneCount:]
			for v := range width {
				to := y[(b0+b+v)*ldy+first+r:][:4]
				for i := range to {
					to[i] = out[i*width+v]
				}
			}
		}
	}
}

// dotNarrow multiplies rows by a batch of at most narrowBatch vectors, four rows at a time.
func (k *Kernels) dotNarrow(s *scratch, y []float32, ldy int, x *Activations, m matrix, rows, perStrip int) {
	decode := k.asm.forms[m.form].decodeLanes
	const columns = narrowColumns + narrowRest
	weights := resize(&s.weights, 4*columns+4*narrowBatch)
	sums := resize(&s.sums, 4*x.batch*laneCount)
	out := weights[4*columns:][:4*x.batch]
	for r := 0; r < rows; r += 4 {
		clear(sums)
		for column, n := 0, 0; column < x.n; column += n {
			if n = x.n - column; n > columns {
				n = narrowColumns
			}
			decode(&weights[0], m.row(r/perStrip, column), m.ld, m.table, n)
			steps := (n + groupSize - 1) / groupSize * stepCount
			for b := 0; b < x.batch; b += x.width {
				p := x.panel(b)
				k.asm.gemm[p.width](&sums[4*b*laneCount], &p.data[column*p.width], &weights[0], steps)
			}
		}
		k.asm.reduce(&out[0], &sums[0], 4*x.batch)
		for b := 0; b < x.batch; b += x.width {
			width := min(x.width, x.batch-b)
			for v := range width {
				to, from := y[(b+v)*ldy+r:][:4], out[4*b+v:]
				for i := range to {
					to[i] = from[i*width]
				}
			}
		}
	}
}

// accumulateTiled adds rows times x to y, a group of columns at a time.
// perStrip is as in dotTiled; for packed forms rows is a multiple of four.
func (k *Kernels) accumulateTiled(y []float32, ldy int, x []float32, ldx, batch int, m matrix, rows, cols, perStrip int) {
	s := k.scratch.Get().(*scratch)
	defer k.scratch.Put(s)
	const maxRows = 64
	decode := k.asm.forms[m.form].decodeColumns
	weights := resize(&s.weights, maxRows*groupSize)
	for b0 := 0; b0 < batch; b0 += tileBatch {
		batch := min(tileBatch, batch-b0)
		sums := resize(&s.sums, batch*groupSize)
		for column := 0; column < cols; column += groupSize {
			width := min(groupSize, cols-column)
			for b := range batch {
				copy(sums[b*groupSize:], y[(b0+b)*ldy+column:][:width])
			}
			for r := 0; r < rows; r += maxRows {
				n := min(maxRows, rows-r)
				block := matrix{m.form, m.row(r/perStrip, column), m.ld, m.table}
				if width < groupSize {
					block = s.stage(block, n, width)
				}
				decode(&weights[0], block.w, block.ld, block.table, n)
				for b := 0; b < batch; b += panelWidth {
					count := min(panelWidth, batch-b)
					k.asm.outer[count](&sums[b*groupSize], 4*groupSize, &x[(b0+b)*ldx+r], 4*ldx, &weights[0], n)
				}
			}
			for b := range batch {
				copy(y[(b0+b)*ldy+column:][:width], sums[b*groupSize:])
			}
		}
	}
}
