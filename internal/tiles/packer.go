package tiles

import (
	"math/bits"
	"slices"
)

// packer packs one strip after another.
type packer struct {
	by      Coder
	tile    [Bytes]byte
	outside [quads]uint64
	group   groupList
}

// Measure returns what a strip takes: some rows of a block from a multiple of Rows on, at most Rows of them, cols each.
func Measure(codes []byte, cols int) Size {
	p := packer{by: Portable{}}
	return p.measure(codes, cols, nil)
}

// measure measures a strip and keeps the widths of its tiles, unless there is no room for any.
func (p *packer) measure(codes []byte, cols int, widths []byte) (size Size) {
	at := 0 // of the last exception
	for column, first := 0, 0; column < cols; column, first = column+Columns, first+Bytes {
		p.load(codes, cols, column)
		width, entries := cheapest(p.by.Entries(&p.tile))
		if widths != nil {
			widths[first/Bytes] = byte(width)
		}
		size.Lines += int64(width)
		size.Exceptions += int64(entries)
		for q, outside := range p.findOutside(width) {
			if outside != 0 { // those of a quad are less than the longest distance apart
				i := first + q*Line
				size.Exceptions += int64(entriesBetween(at, i+bits.TrailingZeros64(outside)))
				at = i + bits.Len64(outside) - 1
			}
		}
	}
	return size
}

// measureBlock measures a block's strips and keeps their tiles' widths, and where in the block each begins and the last ends.
func (p *packer) measureBlock(codes []byte, cols int, widths, index []byte) (size Size) {
	per := (cols-1)/Columns + 1
	for strip := range slices.Chunk(codes, Rows*cols) {
		putIndex(index, size)
		size.Add(p.measure(strip, cols, widths[:per]))
		index, widths = index[indexSize:], widths[per:]
	}
	putIndex(index, size)
	return size
}

// packBlock packs a block's strips, of which m has widths and index, to the strips of m from first on.
func (p *packer) packBlock(m *Matrix, first int, codes []byte) {
	for strip := range slices.Chunk(codes, Rows*m.shape.Cols) {
		p.pack(m.Strip(first), strip, m.shape.Cols)
		first++
	}
}

// pack packs a strip to where it belongs. Its widths are there.
func (p *packer) pack(s Strip, codes []byte, cols int) {
	list := s.Exceptions[:0]
	for k, w := range s.Widths {
		width, first := int(w), k%GroupTiles*Bytes
		if first == 0 {
			p.group.reset()
		}
		p.load(codes, cols, k*Columns)
		p.by.Pack(s.Lines[:width*Line], &p.tile, width)
		s.Lines = s.Lines[width*Line:]
		for q, outside := range p.findOutside(width) {
			for ; outside != 0; outside &= outside - 1 {
				i := q*Line + bits.TrailingZeros64(outside)
				p.group.add(first+i, left(p.tile[i], width))
			}
		}
		if first+Bytes == GroupTiles*Bytes || k+1 == len(s.Widths) {
			list = p.group.put(s.Counts, list)
			s.Counts = s.Counts[CountsSize:]
		}
	}
	clear(s.Exceptions[len(list):])
}

// load takes the tile of some of a strip's rows, at most Rows, cols each, from a column on.
func (p *packer) load(codes []byte, cols, column int) {
	if len(codes) == Rows*cols && cols-column >= Columns {
		p.by.Interleave(&p.tile, codes[column:], cols)
		return
	}
	for i := range p.tile {
		p.tile[i] = Zero
	}
	for r := 0; r*cols < len(codes); r++ {
		for j, code := range codes[r*cols+column : r*cols+min(column+Columns, cols)] {
			p.tile[j/4*Line+4*r+j%4] = code
		}
	}
}

// findOutside returns which of the tile's codes a width does not hold, until it is called again.
func (p *packer) findOutside(width int) *[quads]uint64 {
	if width < maxWidth {
		p.by.Outside(&p.outside, &p.tile, width)
	} else {
		clear(p.outside[:])
	}
	return &p.outside
}
