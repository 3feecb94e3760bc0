package tiles

import (
	"errors"
	"fmt"
	"slices"
)

// A block is kept in files as a matrix of its own rows: its lines, exceptions, counts, widths and index, one after the other.
// So a block that is read can be multiplied by as it lies there.

// ErrForm reports bytes that are no packed block of their shape.
var ErrForm = errors.New("no packed tiles")

// layOutBlock cuts b, which is as long as it must be, into the parts of a block.
func (m *Matrix) layOutBlock(b []byte, s Shape, size Size) {
	m.shape = s
	strips := s.strips()
	for _, part := range [...]struct {
		bytes *[]byte
		n     int
	}{
		{&m.lines, int(size.Lines) * Line}, {&m.exceptions, int(size.Exceptions)}, {&m.counts, strips * s.groupsPerStrip() * CountsSize},
		{&m.widths, strips * s.tilesPerStrip()}, {&m.index, (strips + 1) * indexSize},
	} {
		*part.bytes, b = b[:part.n:part.n], b[part.n:]
	}
}

// AppendBlock appends the packed codes of a block's rows, cols each, to dst. It panics if they are no whole rows.
func AppendBlock(dst, codes []byte, cols int, by Coder) []byte {
	if len(codes) == 0 || len(codes)%cols != 0 {
		panic(fmt.Sprintf("tiles: %d codes are no rows of %d", len(codes), cols))
	}
	rows := len(codes) / cols
	s := Shape{rows, cols, rows}
	widths, index := make([]byte, s.strips()*s.tilesPerStrip()), make([]byte, (s.strips()+1)*indexSize)
	p := &packer{by: by}
	size := p.measureBlock(codes, cols, widths, index)
	start, n := len(dst), int(size.Lines)*Line+int(size.Exceptions)+int(s.fixed())
	dst = slices.Grow(dst, n)[:start+n]
	var m Matrix
	m.layOutBlock(dst[start:], s, size)
	copy(m.widths, widths)
	copy(m.index, index)
	p.packBlock(&m, 0, codes)
	return dst
}

// MostOfBlock returns the most bytes that a block takes all of whose rows the shape has; ErrSize if there is none.
func (s Shape) MostOfBlock() (int64, error) {
	if _, err := s.Bytes(Size{}); err != nil {
		return 0, err
	}
	return int64(s.strips())*int64(s.tilesPerStrip())*mostOfTile + s.fixed(), nil
}

// Open makes m the matrix of one block that lies packed in b, which stays the caller's and must not change while m is used.
// Whatever b holds, m can be read then, and has codes of a byte. Errors are ErrForm and ErrSize.
func (m *Matrix) Open(b []byte, rows, cols int) error {
	if err := m.Reopen(b, rows, cols); err != nil {
		return err
	}
	return m.check(Strip.check)
}

// OpenKnown is Open of bytes that may have changed since Open has taken them: m can be read then, but in codes that are none
// exceptions may come to one thing or another.
func (m *Matrix) OpenKnown(b []byte, rows, cols int) error {
	if err := m.Reopen(b, rows, cols); err != nil {
		return err
	}
	return m.check(Strip.bounded)
}

// Reopen is Open of bytes that Open has taken before, and that have not changed since: it does not look at them all.
func (m *Matrix) Reopen(b []byte, rows, cols int) error {
	s := Shape{rows, cols, rows}
	if _, err := s.Bytes(Size{}); err != nil {
		return err
	}
	if int64(len(b)) < s.fixed() {
		return fmt.Errorf("%w: %d bytes for [%d, %d]", ErrForm, len(b), rows, cols)
	}
	size := getIndex(b[len(b)-indexSize:])
	if n, err := s.Bytes(size); err != nil || n != int64(len(b)) {
		return fmt.Errorf("%w: %d lines and %d bytes of exceptions in %d bytes for [%d, %d]", ErrForm, size.Lines, size.Exceptions, len(b), rows, cols)
	}
	m.layOutBlock(b, s, size)
	return nil
}

// Put copies an open block to the rows of m from first on, which are as many, and must be one of its blocks: else it panics.
// It is ErrSize if the blocks take more than the matrix was laid out for, which has no use then. Blocks may be put at once.
func (m *Matrix) Put(first int, block *Matrix) error {
	s, b := m.shape, block.shape
	if first < 0 || first >= s.Rows || first%s.BlockRows != 0 || b.Cols != s.Cols || b.Rows != min(s.BlockRows, s.Rows-first) || b.BlockRows < b.Rows {
		panic(fmt.Sprintf("tiles: [%d, %d] from row %d on is no block of %d rows of [%d, %d]", b.Rows, b.Cols, first, s.BlockRows, s.Rows, s.Cols))
	}
	strip, _ := m.Place(first)
	n := b.strips()
	start, err := m.take(getIndex(block.index[n*indexSize:]))
	if err != nil {
		return err
	}
	index := m.indexOf(first/s.BlockRows, strip)[:(n+1)*indexSize]
	copy(index, block.index)
	shift(index, start)
	copy(m.widths[strip*s.tilesPerStrip():], block.widths)
	copy(m.counts[strip*s.groupsPerStrip()*CountsSize:], block.counts)
	copy(m.lines[start.Lines*Line:], block.lines)
	copy(m.exceptions[start.Exceptions:], block.exceptions)
	return nil
}

// Code returns the code at a place of a row, whose block is packed.
func (m *Matrix) Code(row, place int) byte {
	var group [GroupTiles * Bytes]byte
	i, r := m.Place(row)
	strip := m.Strip(i)
	strip.Skip(place / groupColumns * GroupTiles)
	strip.Unpack(group[:], min(GroupTiles, len(strip.Widths)))
	return group[place%groupColumns/4*Line+4*r+place%4]
}
