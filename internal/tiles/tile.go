package tiles

import "encoding/binary"

const ones = 0x0101010101010101 // in every byte

// subtract takes b from every byte of x.
func subtract(x uint64, b byte) uint64 {
	const high = 0x80 * ones
	y := ones * uint64(b)
	return (x | high) - y&^high ^ (x^^y)&high
}

// part is some bits of every code of a tile: how many, the first of them, which is the part's first line as well.
type part struct{ bits, place int }

// parts are those of each width below maxWidth.
var parts = func() (p [maxWidth][]part) {
	for width := range p {
		place := 0
		for bits := 4; bits > 0; bits /= 2 {
			if width&bits != 0 {
				p[width] = append(p[width], part{bits, place})
				place += bits
			}
		}
	}
	return p
}()

// unpack sets t from its lines, without exceptions.
func unpack(t *[Bytes]byte, lines []byte, width int) {
	if width == maxWidth {
		copy(t[:], lines)
		return
	}
	least := ones * uint64(least(width))
	for i := 0; i < Line; i += 8 {
		var u [quads]uint64
		for _, p := range parts[width] {
			mask := ones * uint64(1<<p.bits-1)
			for q, line := 0, p.place; q < quads; line++ {
				packed := binary.LittleEndian.Uint64(lines[line*Line+i:])
				for shift := 0; shift < 8; shift += p.bits {
					u[q] |= packed >> shift & mask << p.place
					q++
				}
			}
		}
		for q := range u {
			binary.LittleEndian.PutUint64(t[q*Line+i:], u[q]+least) // below 256 in every byte
		}
	}
}
