package codec

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// tileCodec keeps blocks of rows of codes in the form of package tiles, that of a lattice matrix in memory.
type tileCodec struct{ width int }

// NewTiles returns the codec for blocks of whole rows of so many codes, which are read to be multiplied by as they are.
// Its blocks keep to MaxRatio, and may be longer than the codes where rows, or columns, are few. Encode fails with ErrLength
// if a block is no whole number of rows.
func NewTiles(width int) Codec { return tileCodec{width} }

func (tileCodec) Name() string { return "packed" }

func (c tileCodec) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("packed", src); err != nil {
		return dst, err
	}
	if len(src) == 0 || len(src)%c.width != 0 {
		return dst, fmt.Errorf("packed: %d bytes are no rows of %d: %w", len(src), c.width, ErrLength)
	}
	return tiles.AppendBlock(dst, src, c.width, tiles.Portable{}), nil
}

func (c tileCodec) Decode(dst, src []byte) error {
	if len(dst) == 0 || len(dst)%c.width != 0 {
		return corrupt("packed", "%d bytes are no rows of %d", len(dst), c.width)
	}
	var m tiles.Matrix
	if err := m.Open(src, len(dst)/c.width, c.width); err != nil {
		return corrupt("packed", "%v", err)
	}
	m.Unpack(dst, 0)
	return nil
}
