package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// A strip is 16 rows of codes, interleaved by quads of columns: the code of row r and column 4q+c is byte 64·q + 4·r + c.
// So a line of 64 bytes holds four columns of 16 rows, every 32-bit element of it is one row, and a product needs neither
// horizontal sums nor an order of columns. Strips are unpacked a chunk at a time, into memory that stays in the L1 cache.

const (
	chunkGroups  = 16                       // 16 KiB of codes
	chunkColumns = chunkGroups * RoundGroup //
	chunkBytes   = stripRows * chunkColumns //
	blockBytes   = 1 << 20                  // of vectors that are multiplied by a strip at a time: a part of an L2 cache
	blockVectors = integerPanelWidth        // that many at least
)

// DotIntegers is X·Wᵀ for lattice codes in the integer canon, but for the integers that are no codes and for the rows'
// scales: it sets y[b·ldy+r], for each vector b of x and each row r, to the product of the two. idx holds the index bytes
// of rows × x.Len() integers, row-major. It panics unless len(idx) == rows·x.Len(), ldy >= rows (for more than one
// vector) and y has room.
func (k *Kernels) DotIntegers(y []float32, ldy int, x *QuantizedActivations, idx []byte, rows int) {
	if rows < 0 || !fits(len(y), x.batch, ldy, rows) || !isProduct(len(idx), rows, x.n) {
		panicf("DotIntegers: y has %d elements for %d vectors, %d apart; %d indices for %d rows of %d", len(y), x.batch, ldy, len(idx), rows, x.n)
	}
	first := 0
	k.dotIntegerStrips(y, ldy, x, rows, func(at int) (r, n int) {
		first = at
		return 0, min(stripRows, rows-at)
	}, func(codes []byte, group, groups int) {
		n := min(stripRows, rows-first)
		k.interleave(codes, idx[first*x.n:][:n*x.n], n, x.n, group, groups)
	})
}

// DotIntegersTiles is DotIntegers for rows first..first+rows-1 of packed tiles: y[b·ldy+r] is the product with row
// first+r. It panics unless the vectors are as long as the rows, the rows are there and y has room.
func (k *Kernels) DotIntegersTiles(y []float32, ldy int, x *QuantizedActivations, m *tiles.Matrix, first, rows int) {
	shape := m.Shape()
	checkTiles("DotIntegersTiles", m, first, rows)
	if x.n != shape.Cols || !fits(len(y), x.batch, ldy, rows) {
		panicf("DotIntegersTiles: y has %d elements for %d vectors, %d apart; vectors of %d for rows of %d", len(y), x.batch, ldy, x.n, shape.Cols)
	}
	if k.integer.takesStrips(x.batch) && x.n > 0 {
		k.dotPackedStrips(y, ldy, x, m, first, rows)
		return
	}
	var strip tiles.Strip
	k.dotIntegerStrips(y, ldy, x, rows, func(at int) (r, n int) {
		i, r := m.Place(first + at)
		strip = m.Strip(i)
		return r, min(stripRows-r, rows-at, shape.BlockRows-(first+at)%shape.BlockRows)
	}, func(codes []byte, _, groups int) {
		// The last group may be half of one.
		k.unpackStrip(codes, &strip, min(groups*RoundGroup/tiles.Columns, len(strip.Widths)))
	})
}

// takesStrips tells whether there are routines for packed strips times so many vectors. They are faster than tile registers too,
// for which codes are unpacked first.
func (f *integerRoutines) takesStrips(batch int) bool {
	if f == nil {
		return false
	}
	return batch < len(f.strips) && f.strips[batch] != nil || batch < len(f.starts) && f.starts[batch] != nil
}

// dotPackedStrips multiplies packed strips by all vectors, a panel, at once.
func (k *Kernels) dotPackedStrips(y []float32, ldy int, x *QuantizedActivations, m *tiles.Matrix, first, rows int) {
	s := k.scratch.Get().(*scratch)
	defer k.scratch.Put(s)
	sums, p := resize(&s.sums, x.batch*stripRows), x.panel(0, 0)
	for at := 0; at < rows; {
		i, r := m.Place(first + at)
		n := min(stripRows-r, rows-at, m.Shape().BlockRows-(first+at)%m.Shape().BlockRows)
		clear(sums)
		k.integer.dotStrip(s, sums, p, m.Strip(i))
		store(y[at:], ldy, sums, r, n)
		at += n
	}
}

// dotStrip adds a packed strip times a panel to y, [vector][stripRows].
func (f *integerRoutines) dotStrip(s *scratch, y []float32, p integerPanel, strip tiles.Strip) {
	values, biases, lines := p.values(0, 0), p.bias(0, 0), unsafe.SliceData(strip.Lines)
	if dot := f.strips[p.width]; dot != nil {
		dot(&y[0], &values[0], &biases[0], 4*p.width, &strip.Widths[0], lines, &strip.Counts[0], unsafe.SliceData(strip.Exceptions), len(strip.Widths))
		return
	}
	const behind = 31 // bytes of the list that are read too
	list := strip.Exceptions
	if cap(list)-len(list) < behind {
		copied := resize(&s.list, len(list)+behind)
		copy(copied, list)
		list = copied
	}
	sums := resize(&s.integers, len(strip.Counts)/tiles.CountsSize*p.width*stripRows)
	looked := resize(&s.looked, (p.width+1)*lookedUp)
	f.starts[p.width](&sums[0], &values[0], &biases[0], 4*p.width, &strip.Widths[0], &strip.Counts[0], unsafe.SliceData(list), len(strip.Widths), &looked[0])
	f.tileSums[p.width](&y[0], &sums[0], &values[0], &biases[0], 4*p.width, &strip.Widths[0], lines, len(strip.Widths))
}

// dotIntegerStrips multiplies rows, strip after strip. begin goes to the strip of a row, and returns the row's place there and how
// many are wanted from it on; then unpack writes the strip's groups, in order.
func (k *Kernels) dotIntegerStrips(y []float32, ldy int, x *QuantizedActivations, rows int, begin func(at int) (r, n int), unpack func(codes []byte, group, groups int)) {
	if rows == 0 || x.batch == 0 {
		return
	}
	s := k.scratch.Get().(*scratch)
	defer k.scratch.Put(s)
	codes, step := resize(&s.panel, chunkBytes), chunkGroups
	if x.batch == 1 {
		step /= 2 // so that less is waited for at a time
	}
	block := max(blockVectors, blockBytes/max(1, QuantizedSize(1, x.n)))
	block = (block + x.width - 1) / x.width * x.width
	for b := 0; b < x.batch; b += block {
		batch := min(block, x.batch-b)
		// Not in y: vectors that are a power of two apart would contend for a few places of the cache.
		sums := resize(&s.sums, batch*stripRows)
		for at := 0; at < rows; {
			r, n := begin(at)
			clear(sums)
			for group := 0; group < x.Groups(); group += step {
				groups := min(step, x.Groups()-group)
				unpack(codes[:groups*stripGroup], group, groups)
				k.narrow(s, codes, groups)
				for v := 0; v < batch; v += x.width {
					k.dotPanel(s, sums[v*stripRows:], x.panel(b+v, group), codes, groups)
				}
			}
			store(y[b*ldy+at:], ldy, sums, r, n)
			at += n
		}
	}
}

// store writes rows of sums, [vector][stripRows], to y, whose vectors are ld apart.
func store(y []float32, ld int, sums []float32, first, rows int) {
	for v := 0; v*stripRows < len(sums); v++ {
		if rows == stripRows {
			*(*[stripRows]float32)(y[v*ld:]) = [stripRows]float32(sums[v*stripRows:])
		} else {
			copy(y[v*ld:][:rows], sums[v*stripRows+first:])
		}
	}
}

// narrow makes the codes of groups ready for dotPanel.
func (k *Kernels) narrow(s *scratch, codes []byte, groups int) {
	if k.integer != nil && k.integer.narrow != nil {
		k.integer.narrow(&codes[0], &resize(&s.ranges, groups)[0].less, groups)
	}
}

// dotPanel adds groups of a strip times a panel to y, [vector][stripRows].
func (k *Kernels) dotPanel(s *scratch, y []float32, p integerPanel, codes []byte, groups int) {
	f := k.integer
	if f == nil {
		p.dot(y, codes, groups)
		return
	}
	b := 0
	for b < p.width {
		n := evenly(p.width-b, integerTilesWidth)
		if f.tiles[n] == nil {
			break
		}
		tiles := (p.width - b) / n // those of another width are the next turn's
		values, biases, sums := p.values(0, b), p.bias(0, b), resize(&s.integers, 512)
		f.tiles[n](&y[b*stripRows], &values[0], &biases[0], 4*p.width, &codes[0], groups, tiles, &sums[0])
		b += tiles * n
	}
	for n := evenly(p.width-b, f.width); b < p.width; b += n {
		values, biases := p.values(0, b), p.bias(0, b)
		if m := min(n, p.width-b); f.narrow != nil {
			f.runs[m](&y[b*stripRows], &values[0], &biases[0], 4*p.width, &codes[0], &s.ranges[0].less, groups)
		} else {
			f.dot[m](&y[b*stripRows], &values[0], &biases[0], 4*p.width, &codes[0], groups)
		}
	}
}

// dot is dotPanel, portable.
func (p integerPanel) dot(y []float32, codes []byte, groups int) {
	for b := range p.width {
		sums := y[b*stripRows:][:stripRows]
		for g := range groups {
			values, strip := p.values(g, b), codes[g*stripGroup:][:stripGroup]
			bias := int32(binary.LittleEndian.Uint32(p.bias(g, b)))
			scale := math.Float32frombits(binary.LittleEndian.Uint32(p.scale(g, b)))
			for r := range sums {
				sum := bias
				for i, q := range values {
					sum += int32(strip[i/4*4*stripRows+4*r+i%4]) * int32(int8(q))
				}
				sums[r] = FMA32(float32(sum), scale, sums[r])
			}
		}
		for r := range sums {
			sums[r] = canonical(sums[r])
		}
	}
}

// interleave makes groups group … group+groups−1 of a strip from n rows of cols index bytes. Where there is no row or no
// column, codes stay as they are: nobody asks for such rows, and vectors are 0 in such columns.
func (k *Kernels) interleave(codes, idx []byte, n, cols, group, groups int) {
	whole := 0
	if n == stripRows && k.integer != nil && k.integer.interleave != nil {
		whole = max(0, min(groups, cols/RoundGroup-group))
		if whole > 0 {
			k.integer.interleave(&codes[0], &idx[group*RoundGroup], cols, whole)
		}
	}
	codes, group = codes[whole*stripGroup:], group+whole
	if len(codes) == 0 {
		return
	}
	first := group * RoundGroup
	width := min(len(codes)/stripRows, cols-first)
	for r := range n {
		row := idx[r*cols+first:][:width]
		at := 4 * r
		for ; len(row) >= 4; row = row[4:] {
			binary.LittleEndian.PutUint32(codes[at:], binary.LittleEndian.Uint32(row))
			at += 4 * stripRows
		}
		for c, code := range row {
			codes[at+c] = code
		}
	}
}
