package tiles

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
)

// Matrix is the packed codes of a matrix. Blocks may be packed at once, and any number of strips of packed blocks be
// unpacked at once.
type Matrix struct {
	shape      Shape
	lines      []byte // a block's one strip after another, blocks as they came
	index      []byte // of each strip its first line and exception; after each block, where those end
	widths     []byte // of the tiles of each strip
	counts     []byte // of the groups of each strip
	exceptions []byte // as lines

	usedLines, usedExceptions atomic.Int64
}

// New lays a matrix out in buf, which must have as many bytes as shape.Bytes says of size and belongs to the matrix from
// now on. Until its blocks are packed, what it holds is not said. Errors are ErrSize.
func New(buf []byte, shape Shape, size Size) (*Matrix, error) {
	n, err := shape.Bytes(size)
	if err != nil {
		return nil, err
	}
	if int64(len(buf)) != n {
		return nil, fmt.Errorf("%w: a buffer of %d bytes, need %d", ErrSize, len(buf), n)
	}
	m := &Matrix{shape: shape}
	for _, part := range []struct {
		bytes *[]byte
		n     int
	}{
		{&m.lines, int(size.Lines) * Line}, {&m.index, (shape.strips() + shape.blocks()) * indexSize},
		{&m.widths, shape.strips() * shape.tilesPerStrip()}, {&m.counts, shape.strips() * shape.groupsPerStrip() * CountsSize},
		{&m.exceptions, int(size.Exceptions)},
	} {
		*part.bytes, buf = buf[:part.n:part.n], buf[part.n:]
	}
	return m, nil
}

// Shape returns the shape.
func (m *Matrix) Shape() Shape { return m.shape }

// Place returns the strip that a row is in, and its place there.
func (m *Matrix) Place(row int) (strip, r int) {
	block, r := row/m.shape.BlockRows, row%m.shape.BlockRows
	return block*stripsOf(m.shape.BlockRows) + r/Rows, r % Rows
}

// indexOf returns the index from a strip of a block on.
func (m *Matrix) indexOf(block, strip int) []byte { return m.index[(strip+block)*indexSize:] }

// Pack packs the rows of a block, from row first on. It is ErrSize if the blocks take more than the matrix was laid out
// for, which has no use then. It panics if that is no block.
func (m *Matrix) Pack(first int, codes []byte, by Coder) error {
	s := m.shape
	if first < 0 || first >= s.Rows || first%s.BlockRows != 0 || len(codes) != min(s.BlockRows, s.Rows-first)*s.Cols {
		panic(fmt.Sprintf("tiles: %d codes from row %d on are no block of %d rows of [%d, %d]", len(codes), first, s.BlockRows, s.Rows, s.Cols))
	}
	strip, _ := m.Place(first)
	n := stripsOf(len(codes) / s.Cols)
	index := m.indexOf(first/s.BlockRows, strip)
	p := &packer{by: by}
	start, err := m.take(p.measureBlock(codes, s.Cols, m.widths[strip*s.tilesPerStrip():], index))
	if err != nil {
		return err
	}
	shift(index[:(n+1)*indexSize], start)
	p.packBlock(m, strip, codes)
	return nil
}

// take reserves lines and exceptions for a block, and returns where its own begin.
func (m *Matrix) take(size Size) (start Size, err error) {
	end := Size{m.usedLines.Add(size.Lines), m.usedExceptions.Add(size.Exceptions)}
	if end.Lines*Line > int64(len(m.lines)) || end.Exceptions > int64(len(m.exceptions)) {
		return start, fmt.Errorf("%w: the codes take more than %d lines and %d bytes of exceptions", ErrSize, len(m.lines)/Line, len(m.exceptions))
	}
	return Size{end.Lines - size.Lines, end.Exceptions - size.Exceptions}, nil
}

// shift adds to all of an index.
func shift(index []byte, by Size) {
	for ; len(index) > 0; index = index[indexSize:] {
		at := getIndex(index)
		at.Add(by)
		putIndex(index, at)
	}
}

func putIndex(b []byte, at Size) {
	binary.LittleEndian.PutUint32(b, uint32(at.Lines))
	binary.LittleEndian.PutUint32(b[4:], uint32(at.Exceptions))
}

func getIndex(b []byte) Size {
	return Size{int64(binary.LittleEndian.Uint32(b)), int64(binary.LittleEndian.Uint32(b[4:]))}
}
