package kernel

import (
	"unsafe"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// panelTiles is how many tiles of a strip are unpacked at a time: half of an L1 cache.
const panelTiles = 32

// unpackStrip writes the next n tiles of a strip to dst, in strip order: whole groups, but at the strip's end.
func (k *Kernels) unpackStrip(dst []byte, s *tiles.Strip, n int) {
	if k.asm == nil || k.asm.tiles.unpack[0] == nil {
		s.Unpack(dst, n)
		return
	}
	_ = dst[:n*tiles.Bytes]
	for i := 0; i < n; { // neighbours are often of the same width
		from, width := i, s.Widths[i]
		for i++; i < n && s.Widths[i] == width; i++ {
		}
		size := (i - from) * int(width) * tiles.Line
		k.asm.tiles.unpack[width](&dst[from*tiles.Bytes], unsafe.SliceData(s.Lines[:size]), i-from)
		s.Lines = s.Lines[size:]
	}
	if k.asm.tiles.correct == nil {
		s.Correct(dst, n)
		return
	}
	if n > 0 {
		groups := (n + tiles.GroupTiles - 1) / tiles.GroupTiles * tiles.CountsSize
		used := k.asm.tiles.correct(&dst[0], &s.Widths[:n][0], &s.Counts[:groups][0], unsafe.SliceData(s.Exceptions), n)
		s.Widths, s.Counts, s.Exceptions = s.Widths[n:], s.Counts[groups:], s.Exceptions[used:]
	}
}

// deinterleave writes what is in strip order, whole tiles of it, as 16 rows, ld apart.
func (k *Kernels) deinterleave(rows []byte, ld int, strip []byte) {
	n := len(strip) / tiles.Bytes
	if k.asm == nil || k.asm.tiles.deinterleave == nil {
		tiles.Deinterleave(rows[:(tiles.Rows-1)*ld+n*tiles.Columns], ld, strip, n*tiles.Columns)
		return
	}
	if n > 0 {
		_ = rows[(tiles.Rows-1)*ld+n*tiles.Columns-1]
		k.asm.tiles.deinterleave(&rows[0], ld, &strip[0], n)
	}
}

// How many index bytes are unpacked at a time: half of an L1 cache where the vectors are few, else what register tiles are cut from.
const (
	unpackedNear = 16 << 10
	unpackedFar  = 128 << 10
)

// eachUnpacked calls f for some rows of a matrix at a time, as index bytes, ld apart: from column on, cols of them. at
// counts from row first.
func (k *Kernels) eachUnpacked(m *tiles.Matrix, bytes, first, rows, column, cols int, f func(at int, idx []byte, ld, rows int)) {
	s := k.scratch.Get().(*scratch)
	defer k.scratch.Put(s)
	shape := m.Shape()
	from := column / tiles.Columns / tiles.GroupTiles * tiles.GroupTiles
	to := min((column+cols-1)/tiles.Columns/tiles.GroupTiles*tiles.GroupTiles+tiles.GroupTiles, (shape.Cols-1)/tiles.Columns+1)
	ld := (to - from) * tiles.Columns
	panel := resize(&s.panel, panelTiles*tiles.Bytes)
	most := max(1, bytes/(tiles.Rows*ld)) // strips
	for at := 0; at < rows; {
		strip, r := m.Place(first + at)
		n := min(most*tiles.Rows-r, rows-at, shape.BlockRows-(first+at)%shape.BlockRows)
		strips := (r + n + tiles.Rows - 1) / tiles.Rows
		idx := resize(&s.unpacked, strips*tiles.Rows*ld)
		for i := range strips {
			part := m.Strip(strip + i)
			part.Skip(from)
			for t := from; t < to; t += panelTiles {
				some := min(panelTiles, to-t)
				k.unpackStrip(panel, &part, some)
				k.deinterleave(idx[i*tiles.Rows*ld+(t-from)*tiles.Columns:], ld, panel[:some*tiles.Bytes])
			}
		}
		f(at, idx[r*ld+column-from*tiles.Columns:], ld, n)
		at += n
	}
}

// DotRowsTiles is DotRows for rows first..first+rows-1 of packed tiles: y[b·ldy+r] is the product with row first+r. It
// panics unless the vectors are as long as the rows, the rows are there and y has room.
func (k *Kernels) DotRowsTiles(y []float32, ldy int, x *Activations, t *Table, m *tiles.Matrix, first, rows int) {
	checkDot("DotRowsTiles", y, ldy, x, rows)
	cols := m.Shape().Cols
	if x.n != cols {
		panicf("DotRowsTiles: vectors of %d for rows of %d", x.n, cols)
	}
	checkTiles("DotRowsTiles", m, first, rows)
	if rows == 0 || x.batch == 0 {
		return
	}
	bytes := unpackedNear
	if x.batch > maxDirect {
		bytes = unpackedFar
	}
	k.eachUnpacked(m, bytes, first, rows, 0, cols, func(at int, idx []byte, ld, rows int) {
		if k.asm == nil {
			dotPortable(y[at:], ldy, x, indexed{t, idx, ld, cols}, rows)
			return
		}
		k.dot(y[at:], ldy, x, bytesMatrix(t, idx, ld), rows)
	})
}

// AccumulateColumnsTiles is AccumulateRows for rows first..first+rows-1 and columns column..column+cols-1 of packed tiles:
// x[b·ldx+r] goes with row first+r, y[b·ldy+j] with column column+j.
func (k *Kernels) AccumulateColumnsTiles(y []float32, ldy int, x []float32, ldx, batch int, t *Table, m *tiles.Matrix, first, rows, column, cols int) {
	shape := m.Shape()
	checkTiles("AccumulateColumnsTiles", m, first, rows)
	if column < 0 || cols < 0 || column > shape.Cols || cols > shape.Cols-column {
		panicf("AccumulateColumnsTiles: columns %d..%d of %d", column, column+cols, shape.Cols)
	}
	checkAccumulate("AccumulateColumnsTiles", y, ldy, x, ldx, batch, shape.Rows*shape.Cols, shape.Cols, rows, cols)
	if rows == 0 || batch == 0 || cols == 0 {
		return
	}
	k.eachUnpacked(m, unpackedFar, first, rows, column, cols, func(at int, idx []byte, ld, rows int) {
		k.AccumulateRows(y, ldy, x[at:], ldx, batch, t, idx, ld, rows, cols)
	})
}

func checkTiles(method string, m *tiles.Matrix, first, rows int) {
	if n := m.Shape().Rows; first < 0 || rows < 0 || first > n || rows > n-first {
		panicf("%s: rows %d..%d of %d", method, first, first+rows, n)
	}
}
