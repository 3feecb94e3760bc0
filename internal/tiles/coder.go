package tiles

import (
	"encoding/binary"
	"math/bits"
)

// Coder does what takes time when tiles are packed. All do the same. It is safe for concurrent use.
type Coder interface {
	// Interleave sets t to a tile in strip order of 16 rows of 32 codes, ld apart.
	Interleave(t *[Bytes]byte, rows []byte, ld int)
	// Entries returns how many entries a tile takes at each width, in the fields of [Widths].
	Entries(t *[Bytes]byte) [2]uint64
	// Outside says which codes of each quad a width of at most 7 does not hold, a bit each.
	Outside(outside *[Bytes / Line]uint64, t *[Bytes]byte, width int)
	// Pack writes the lines of a tile, as many as its width has bits.
	Pack(lines []byte, t *[Bytes]byte, width int)
}

// Widths are those that a tile may have below 8, the widest first, and where [Coder.Entries] has theirs: from bit Shift of a
// word on, in so many bits that a tile of any codes has room.
var Widths = [...]struct{ Bits, Word, Shift, Size int }{
	{7, 1, 16, 16}, {6, 1, 0, 16}, {5, 0, 48, 16}, {4, 0, 32, 16}, {3, 0, 16, 16}, {2, 0, 0, 16}, {0, 1, 32, 32},
}

// Portable is the coder of any machine.
type Portable struct{}

// Interleave implements Coder.
func (Portable) Interleave(t *[Bytes]byte, rows []byte, ld int) {
	for r := range Rows {
		row := rows[r*ld:][:Columns]
		for q := range quads {
			binary.LittleEndian.PutUint32(t[q*Line+4*r:], binary.LittleEndian.Uint32(row[4*q:]))
		}
	}
}

// codeEntries has what Entries sums up, by code.
var codeEntries = func() (e [256][2]uint64) {
	for code := range e {
		for _, w := range Widths {
			e[code][w.Word] |= uint64(max(left(byte(code), w.Bits), -left(byte(code), w.Bits))) << w.Shift
		}
	}
	return e
}()

// Entries implements Coder.
func (Portable) Entries(t *[Bytes]byte) [2]uint64 {
	var a, b uint64
	for _, code := range t {
		e := &codeEntries[code]
		a, b = a+e[0], b+e[1]
	}
	return [2]uint64{a, b}
}

// Outside implements Coder.
func (Portable) Outside(outside *[Bytes / Line]uint64, t *[Bytes]byte, width int) {
	least, mask := least(width), ones*uint64(0x100-1<<width)
	for q := range outside {
		outside[q] = 0
		for i := 0; i < Line; i += 8 {
			u := subtract(binary.LittleEndian.Uint64(t[q*Line+i:]), least) & mask
			for ; u != 0; u &^= 0xff << (bits.TrailingZeros64(u) &^ 7) {
				outside[q] |= 1 << (i + bits.TrailingZeros64(u)/8)
			}
		}
	}
}

// Pack implements Coder.
func (Portable) Pack(lines []byte, t *[Bytes]byte, width int) {
	if width == maxWidth {
		copy(lines, t[:])
		return
	}
	least := least(width)
	for i := 0; i < Line; i += 8 {
		var u [quads]uint64
		for q := range u {
			u[q] = subtract(binary.LittleEndian.Uint64(t[q*Line+i:]), least)
		}
		for _, p := range parts[width] {
			mask := ones * uint64(1<<p.bits-1)
			for q, line := 0, p.place; q < quads; line++ {
				packed := uint64(0)
				for shift := 0; shift < 8; shift += p.bits {
					packed |= u[q] >> p.place & mask << shift
					q++
				}
				binary.LittleEndian.PutUint64(lines[line*Line+i:], packed)
			}
		}
	}
}
