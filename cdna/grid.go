package cdna

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// A grid is how a matrix of elements of width bytes is cut into blocks of whole rows; only the last may have fewer than
// blockRows.
type grid struct{ rows, cols, blockRows, width int }

// checkShape refuses with ErrShape dimensions below 1 and matrices of more than 2^63-1 weights.
func checkShape(rows, cols int) error {
	if rows < 1 || cols < 1 {
		return fmt.Errorf("%w: [%d, %d], both must be at least 1", ErrShape, rows, cols)
	}
	if hi, lo := bits.Mul64(uint64(rows), uint64(cols)); hi != 0 || lo > math.MaxInt64 {
		return fmt.Errorf("%w: [%d, %d] has more than 2^63-1 weights", ErrShape, rows, cols)
	}
	return nil
}

// newGrid refuses with ErrShape what no file can hold: a bad shape, more than 2^63-1 bytes, or blocks of more than 2^32-1.
func newGrid(rows, cols, blockRows, width int) (grid, error) {
	g := grid{rows, cols, blockRows, width}
	if err := checkShape(rows, cols); err != nil {
		return g, err
	}
	if cols > math.MaxInt64/width/rows {
		return g, fmt.Errorf("%w: [%d, %d] of %d bytes each has more than 2^63-1 bytes", ErrShape, rows, cols, width)
	}
	if blockRows < 1 {
		return g, fmt.Errorf("%w: %d rows a block", ErrShape, blockRows)
	}
	if n := int64(min(blockRows, rows)) * int64(cols) * int64(width); n > math.MaxUint32 {
		return g, fmt.Errorf("%w: a block of %d bytes, at most 2^32-1", ErrShape, n)
	}
	return g, nil
}

// bytes is the length of all blocks, unpacked.
func (g grid) bytes() int64 { return int64(g.rows) * int64(g.rowBytes()) }

func (g grid) rowBytes() int { return g.cols * g.width }

func (g grid) blocks() int { return (g.rows-1)/g.blockRows + 1 }

// span returns the first row of block i and how many rows it has.
func (g grid) span(i int) (first, n int) {
	first = i * g.blockRows
	return first, min(g.blockRows, g.rows-first)
}

// maxBlock is the length of a full block, unpacked.
func (g grid) maxBlock() int { return min(g.blockRows, g.rows) * g.rowBytes() }

// blockTarget is the size that AutoBlockRows aims at: small enough for a few blocks to stay in a core's cache, large
// enough for the codec's tables and the 48 bytes of index to weigh nothing.
const blockTarget = 256 << 10

// AutoBlockRows returns the Fibonacci number of rows whose block is nearest 256 KiB of indices (of two equally near the
// smaller), at least 1 and at most the first Fibonacci number that takes in all the rows.
func AutoBlockRows(rows, cols int) int {
	cols = min(cols, 2*blockTarget)
	best, next := 1, 2
	for best < rows && best*cols+next*cols < 2*blockTarget { // next is nearer
		best, next = next, best+next
	}
	return best
}

// Limits on what a file may claim, so that nobody who believes its shape allocates more than its size justifies. The
// first plainFloor indices of a block and of a file are believed whatever their packed size; beyond them every packed
// byte stands for at most maxRatio indices, as it does in all that this package's codecs write (and about so in
// Deflate). The other way round a codec never needs more than a little above the plain size.
const (
	plainFloor = 16 << 20
	maxRatio   = codec.MaxRatio
)

// checkSizes reports why packed bytes cannot stand for the plain indices of a block of so many rows, or nil.
func (g grid) checkSizes(packed int64, rows int, c codec.Codec) error {
	plain := int64(rows) * int64(g.rowBytes())
	most := plain + plain/4 + 4096
	if ofPacked(c) { // whose tiles may be nearly empty
		var err error
		if most, err = (tiles.Shape{Rows: rows, Cols: g.cols, BlockRows: rows}).MostOfBlock(); err != nil {
			return fmt.Errorf("%w: %w", ErrBlockSize, err)
		}
	}
	switch {
	case packed < 1:
		return fmt.Errorf("%w: packed length %d", ErrBlockSize, packed)
	case packed > most:
		return fmt.Errorf("%w: %d bytes for %d indices", ErrBlockSize, packed, plain)
	case plain > plainFloor && plain/maxRatio > packed:
		return fmt.Errorf("%w: %d bytes cannot be trusted to hold %d indices", ErrBlockSize, packed, plain)
	}
	return nil
}

// checkTotal is checkSizes for all blocks together: many small claims are a large one.
func checkTotal(packed, plain int64) error {
	if (plain-plainFloor+maxRatio-1)/maxRatio > packed {
		return fmt.Errorf("%w: %d bytes in all cannot be trusted to hold %d indices", ErrBlockSize, packed, plain)
	}
	return nil
}
