package tiles

import (
	"errors"
	"fmt"
	"math"
)

const (
	Rows    = 16             // of a strip
	Columns = 32             // of a tile
	Bytes   = Rows * Columns // of a tile, unpacked
	Line    = 64             // bytes of a line; unpacked, a quad: four columns of a strip
	Zero    = 128            // the code of 0

	quads     = Bytes / Line
	indexSize = 8 // bytes of an entry of the index: of a line and of an exception the number, 32 bits each
)

// ErrSize reports a size that no matrix of its shape has, or less than the codes take.
var ErrSize = errors.New("bad size of packed tiles")

// Shape is that of a matrix that comes in blocks of whole rows. All of it is positive.
type Shape struct{ Rows, Cols, BlockRows int }

// Size is what the codes of a matrix take, besides what follows from its shape.
type Size struct {
	Lines      int64 // of tiles
	Exceptions int64 // bytes of the lists, some of them free
}

// Add adds what another part of the matrix takes.
func (s *Size) Add(part Size) {
	s.Lines, s.Exceptions = s.Lines+part.Lines, s.Exceptions+part.Exceptions
}

// tilesPerStrip is the number of tiles side by side.
func (s Shape) tilesPerStrip() int { return (s.Cols-1)/Columns + 1 }

// groupsPerStrip is the number of words of counts.
func (s Shape) groupsPerStrip() int { return (s.Cols-1)/groupColumns + 1 }

func stripsOf(rows int) int { return (rows + Rows - 1) / Rows }

func (s Shape) blocks() int { return (s.Rows-1)/s.BlockRows + 1 }

// strips is the number of strips of all blocks.
func (s Shape) strips() int {
	return s.Rows/s.BlockRows*stripsOf(s.BlockRows) + stripsOf(s.Rows%s.BlockRows)
}

// Bytes returns the memory of a matrix of this shape whose codes take size. It is ErrSize if no matrix does, or if it
// cannot be addressed.
func (s Shape) Bytes(size Size) (int64, error) {
	if s.Rows < 1 || s.Cols < 1 || s.BlockRows < 1 || s.Cols > math.MaxInt64/64/s.Rows || s.Rows > math.MaxInt64/1024 {
		return 0, fmt.Errorf("%w: [%d, %d] in blocks of %d rows", ErrSize, s.Rows, s.Cols, s.BlockRows)
	}
	const most = mostOfTile
	tiles := int64(s.strips()) * int64(s.tilesPerStrip())
	if size.Lines < 0 || size.Exceptions < 0 || tiles > math.MaxInt64/2/most ||
		size.Lines > tiles*most/Line || size.Exceptions > tiles*most-size.Lines*Line {
		return 0, fmt.Errorf("%w: %d lines and %d bytes of exceptions for [%d, %d]", ErrSize, size.Lines, size.Exceptions, s.Rows, s.Cols)
	}
	if size.Lines > math.MaxUint32 || size.Exceptions > math.MaxUint32 {
		return 0, fmt.Errorf("%w: %d lines and %d bytes of exceptions, at most 2^32-1 of each", ErrSize, size.Lines, size.Exceptions)
	}
	return size.Lines*Line + size.Exceptions + s.fixed(), nil
}

// fixed is what a matrix takes besides a Size: counts, widths and index. The shape is a good one.
func (s Shape) fixed() int64 {
	strips := int64(s.strips())
	return strips*int64(s.groupsPerStrip()*CountsSize+s.tilesPerStrip()) + (strips+int64(s.blocks()))*indexSize
}

// mostOfTile is what a tile takes at most: no more than at eight bits, but for what distances take. An entry's price is at
// least a byte's.
const mostOfTile = Bytes + Bytes/longest + 1
