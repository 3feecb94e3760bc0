package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// ErrIndex says that an index is too large for the codebook or its packed form.
var ErrIndex = errors.New("index out of range")

// Packed is a matrix of indices in 4 or 6 bits each, for codebooks of up to 16
// or 64 entries. Products with it give the same bits as with index bytes.
//
// Rows are kept in strips of four and columns in groups of 64, padded with
// zeros; strips follow each other, and so do the groups of a strip. A group has
// two lines of 64 bytes, one byte per column: line 0 holds the lower four bits
// of rows 0 and 1 (in the low and the high nibble), line 1 those of rows 2 and
// 3. With 6 bits there is a third line with the upper two bits of all four rows,
// row 0 lowest.
//
// Any number of products may read a Packed at once. Calls of Pack for different
// rows may run at once unless they share a strip.
type Packed struct {
	data       []byte
	rows, cols int
	bits       int
}

// PackedSize returns how many bytes a packed matrix needs. It panics unless
// bits is 4 or 6 and the size fits an int.
func PackedSize(rows, cols, bits int) int {
	size, err := packedSize(rows, cols, bits)
	if err != nil {
		panicf("PackedSize: %v", err)
	}
	return size
}

func packedSize(rows, cols, bits int) (int, error) {
	const limit = 1 << 48
	if bits != 4 && bits != 6 {
		return 0, fmt.Errorf("%d bits, not 4 or 6", bits)
	}
	if rows < 0 || cols < 0 || rows > limit || cols > limit || cols > 0 && rows > limit/cols {
		return 0, fmt.Errorf("%d rows of %d", rows, cols)
	}
	return (rows + 3) / 4 * packedGroups(cols) * stripBytes(bits), nil
}

func packedGroups(cols int) int { return (cols + groupSize - 1) / groupSize }

// stripBytes is the size of a group of a strip.
func stripBytes(bits int) int { return groupSize * bits / 2 }

// NewPacked lays a matrix out in buf, which must have PackedSize bytes and
// belongs to the Packed from now on. What buf holds are the indices.
func NewPacked(buf []byte, rows, cols, bits int) (*Packed, error) {
	size, err := packedSize(rows, cols, bits)
	if err != nil {
		return nil, fmt.Errorf("packed matrix: %w", err)
	}
	if len(buf) != size {
		return nil, fmt.Errorf("packed matrix: a buffer of %d bytes for %d rows of %d in %d bits, need %d", len(buf), rows, cols, bits, size)
	}
	return &Packed{buf, rows, cols, bits}, nil
}

// Rows, Cols and Bits return the shape and the bits per index.
func (p *Packed) Rows() int { return p.rows }
func (p *Packed) Cols() int { return p.cols }
func (p *Packed) Bits() int { return p.bits }

// Pack stores rows first, first+1, … from index bytes, row-major. It returns
// ErrIndex if one doesn't fit, with nothing of its strip stored. It panics unless
// idx is a whole number of rows that p has.
func (p *Packed) Pack(first int, idx []byte) error {
	rows := p.wholeRows("Packed.Pack", first, len(idx))
	for r := 0; r < rows; {
		n := 1
		if (first+r)%4 == 0 && rows-r >= 4 {
			n = 4
		}
		for i := range n {
			if largest(idx[(r+i)*p.cols:][:p.cols])>>p.bits != 0 {
				return fmt.Errorf("%w: row %d has an index of %d or more, packed in %d bits", ErrIndex, first+r+i, 1<<p.bits, p.bits)
			}
		}
		if n == 4 {
			p.packStrip(first+r, idx[r*p.cols:][:4*p.cols])
		} else {
			p.packRow(first+r, idx[r*p.cols:][:p.cols])
		}
		r += n
	}
	return nil
}

// largest returns the bits that any index has.
func largest(row []byte) byte {
	var all uint64
	for ; len(row) >= 8; row = row[8:] {
		all |= binary.LittleEndian.Uint64(row)
	}
	all |= all >> 32
	all |= all >> 16
	all |= all >> 8
	for _, i := range row {
		all |= uint64(i)
	}
	return byte(all)
}

// packStrip stores the four rows of a strip, eight columns at a time where there
// are so many: no index has a bit that shifting would carry into the next byte.
func (p *Packed) packStrip(r int, rows []byte) {
	n := p.cols
	for g := 0; g*groupSize < n; g++ {
		group := p.group(r, g)
		width := min(groupSize, n-g*groupSize)
		at := func(row, j int) uint64 { return binary.LittleEndian.Uint64(rows[row*n+g*groupSize+j:]) }
		j := 0
		for ; j+8 <= width; j += 8 {
			a, b, c, d := at(0, j), at(1, j), at(2, j), at(3, j)
			const low, high = 0x0f0f0f0f0f0f0f0f, 0x3030303030303030
			binary.LittleEndian.PutUint64(group[j:], a&low|b&low<<4)
			binary.LittleEndian.PutUint64(group[groupSize+j:], c&low|d&low<<4)
			if p.bits == 6 {
				binary.LittleEndian.PutUint64(group[2*groupSize+j:], a&high>>4|b&high>>2|c&high|d&high<<2)
			}
		}
		for ; j < width; j++ {
			at := g*groupSize + j
			a, b, c, d := rows[at], rows[n+at], rows[2*n+at], rows[3*n+at]
			group[j], group[groupSize+j] = a&15|b&15<<4, c&15|d&15<<4
			if p.bits == 6 {
				group[2*groupSize+j] = a>>4 | b>>4<<2 | c>>4<<4 | d>>4<<6
			}
		}
	}
}

func (p *Packed) packRow(r int, row []byte) {
	nibble, pair := 4*(r%2), 2*(r%4)
	for g := 0; g*groupSize < p.cols; g++ {
		group := p.group(r, g)
		line := group[r%4/2*groupSize:][:groupSize]
		part := row[g*groupSize : min((g+1)*groupSize, p.cols)]
		for j, i := range part {
			line[j] = line[j]&^(15<<nibble) | i&15<<nibble
		}
		if p.bits == 6 {
			line := group[2*groupSize:][:groupSize]
			for j, i := range part {
				line[j] = line[j]&^(3<<pair) | i>>4<<pair
			}
		}
	}
}

// group returns group g of the strip that row r is in.
func (p *Packed) group(r, g int) []byte {
	n := stripBytes(p.bits)
	return p.data[(r/4*packedGroups(p.cols)+g)*n:][:n]
}

// Unpack writes the index bytes of rows first, first+1, … to dst. It panics
// unless dst is a whole number of rows that p has.
func (p *Packed) Unpack(dst []byte, first int) {
	rows := p.wholeRows("Packed.Unpack", first, len(dst))
	for r := range rows {
		row := dst[r*p.cols:][:p.cols]
		for j := range row {
			row[j] = p.index(first+r, j)
		}
	}
}

// index returns one index.
func (p *Packed) index(r, j int) byte {
	group, j := p.group(r, j/groupSize), j%groupSize
	i := group[r%4/2*groupSize+j] >> (4 * (r % 2)) & 15
	if p.bits == 6 {
		i |= group[2*groupSize+j] >> (2 * (r % 4)) & 3 << 4
	}
	return i
}

// wholeRows returns how many rows n indices are.
func (p *Packed) wholeRows(method string, first, n int) int {
	if n == 0 {
		return 0
	}
	if p.cols == 0 || n%p.cols != 0 || first < 0 || first > p.rows || n/p.cols > p.rows-first {
		panicf("%s: %d indices for rows from %d on of %d × %d", method, n, first, p.rows, p.cols)
	}
	return n / p.cols
}

// packedWeights is a Packed, from row first on, as the portable routines see it.
type packedWeights struct {
	p          *Packed
	t          *Table
	first      int
	firstGroup int
}

func (m packedWeights) group(r, g int) (w [groupSize]float32) {
	g += m.firstGroup
	for j := range min(groupSize, m.p.cols-g*groupSize) {
		w[j] = m.t.values[m.p.index(m.first+r, g*groupSize+j)]
	}
	return w
}

// DotRowsPacked is DotRows for rows first..first+rows-1 of a packed matrix:
// y[b·ldy+r] is the product with row first+r. It panics unless the vectors are
// as long as the rows, the rows are there and y has room.
func (k *Kernels) DotRowsPacked(y []float32, ldy int, x *Activations, t *Table, p *Packed, first, rows int) {
	checkDot("DotRowsPacked", y, ldy, x, rows)
	if x.n != p.cols {
		panicf("DotRowsPacked: vectors of %d for rows of %d", x.n, p.cols)
	}
	p.checkRows("DotRowsPacked", first, rows)
	switch {
	case rows == 0 || x.batch == 0:
	case x.n == 0:
		zeroRows(y, ldy, x.batch, rows)
	case k.asm == nil:
		dotPortable(y, ldy, x, packedWeights{p, t, first, 0}, rows)
	default:
		k.eachStrips(p, t, first, rows, func(at int, m matrix, rows int) {
			switch {
			case !m.form.packed():
				k.dotDirect(y[at:], ldy, x, m, rows)
			case x.batch <= maxDirect && k.asm.forms[m.form].dot4[x.batch] != nil:
				k.dotStrips(y[at:], ldy, x, m, rows)
			default:
				k.dotTiled(y[at:], ldy, x, m, rows, 4)
			}
		})
	}
}

// AccumulateColumnsPacked is AccumulateRows for rows first..first+rows-1 and columns
// column..column+cols-1 of a packed matrix: x[b·ldx+r] goes with row first+r, y[b·ldy+j]
// with column column+j. It panics unless column is a multiple of
// 64 and cols, too, unless they reach the last column.
func (k *Kernels) AccumulateColumnsPacked(y []float32, ldy int, x []float32, ldx, batch int, t *Table, p *Packed, first, rows, column, cols int) {
	p.checkRows("AccumulateColumnsPacked", first, rows)
	if column < 0 || cols < 0 || column > p.cols || cols > p.cols-column || column%groupSize != 0 || cols%groupSize != 0 && column+cols != p.cols {
		panicf("AccumulateColumnsPacked: columns %d..%d of %d", column, column+cols, p.cols)
	}
	checkAccumulate("AccumulateColumnsPacked", y, ldy, x, ldx, batch, p.rows*p.cols, p.cols, rows, cols)
	switch {
	case rows == 0 || batch == 0 || cols == 0:
	case k.asm == nil:
		accumulatePortable(y, ldy, x, ldx, batch, packedWeights{p, t, first, column / groupSize}, rows, cols)
	default:
		k.eachStrips(p, t, first, rows, func(at int, m matrix, rows int) {
			perStrip := 1
			if m.form.packed() {
				perStrip = 4
			}
			m.w = m.row(0, column)
			k.accumulate(y, ldy, x[at:], ldx, batch, m, rows, cols, perStrip)
		})
	}
}

func (p *Packed) checkRows(method string, first, rows int) {
	if first < 0 || rows < 0 || first > p.rows || rows > p.rows-first {
		panicf("%s: rows %d..%d of %d", method, first, first+rows, p.rows)
	}
}

// eachStrips calls f for the whole strips among the rows, and for the rows of
// strips that are cut with a matrix of bytes. at counts from row first.
func (k *Kernels) eachStrips(p *Packed, t *Table, first, rows int, f func(at int, m matrix, rows int)) {
	some := func(from, to int) {
		if from == to {
			return
		}
		s := k.scratch.Get().(*scratch)
		idx := resize(&s.unpacked, (to-from)*p.cols)
		p.Unpack(idx, from)
		f(from-first, bytesMatrix(t, idx, p.cols), to-from)
		k.scratch.Put(s)
	}
	end := first + rows
	head := min((first+3)&^3, end)
	tail := max(end&^3, head)
	some(first, head)
	if tail > head {
		f(head-first, p.matrix(t, head), tail-head)
	}
	some(tail, end)
}

// matrix returns the matrix from row first, a multiple of four, on.
func (p *Packed) matrix(t *Table, first int) matrix {
	f := formPacked4F32
	switch {
	case p.bits == 4 && t.bf16:
		f = formPacked4BF16
	case p.bits == 6 && t.bf16:
		f = formPacked6BF16
	case p.bits == 6:
		f = formPacked6F32
	}
	return matrix{f, unsafe.SliceData(p.group(first, 0)), packedGroups(p.cols) * stripBytes(p.bits), t.address()}
}
