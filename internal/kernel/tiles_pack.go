package kernel

import (
	"unsafe"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// TileCoder returns what packs tiles on this level.
func (k *Kernels) TileCoder() tiles.Coder {
	if k.asm == nil || k.asm.tiles.interleave == nil {
		return tiles.Portable{}
	}
	return tileCoder{&k.asm.tiles}
}

// tileCoder packs tiles by assembly.
type tileCoder struct{ asm *tileRoutines }

func (c tileCoder) Interleave(t *[tiles.Bytes]byte, rows []byte, ld int) {
	_ = rows[:(tiles.Rows-1)*ld+tiles.Columns]
	c.asm.interleave(&t[0], unsafe.SliceData(rows), ld)
}

func (c tileCoder) Entries(t *[tiles.Bytes]byte) (sums [2]uint64) {
	sums[0], sums[1] = c.asm.entries(&t[0])
	return sums
}

func (c tileCoder) Outside(outside *[tiles.Bytes / tiles.Line]uint64, t *[tiles.Bytes]byte, width int) {
	const everyByte = 0x01010101
	c.asm.outside(&outside[0], &t[0], everyByte*uint32(tiles.Zero-1<<width>>1), everyByte*uint32(0x100-1<<width))
}

func (c tileCoder) Pack(lines []byte, t *[tiles.Bytes]byte, width int) {
	if width == 0 || width == 8 {
		copy(lines, t[:])
		return
	}
	_ = lines[:width*tiles.Line]
	c.asm.pack[width](unsafe.SliceData(lines), &t[0])
}
