package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// entries are those of a group's rows. It returns them as package tiles describes lists, and their counts.
func entries(rows *[tiles.Rows][]byte) (counts uint64, list []byte) {
	for r, row := range rows {
		counts |= uint64(min(len(row), 15)) << (4 * r)
	}
	for _, part := range [][2]int{{0, 4}, {4, 8}, {8, 12}, {12, 14}} {
		for _, row := range rows {
			list = append(list, row[min(part[0], len(row)):min(part[1], len(row))]...)
		}
	}
	for _, row := range rows {
		if len(row) > 14 {
			list = append(list, row[14:]...)
			list[len(list)-1] |= 0x40
		}
	}
	return counts, list
}

// anyBlock is a block of so many tiles side by side that no packer writes, but [tiles.Matrix.Open] takes: any widths, any
// lines, and entries wherever they lead to no code beyond a byte.
func anyBlock(r *rand.Rand, n int) []byte {
	widths, lines := make([]byte, n), 0
	for i := range widths {
		widths[i] = []byte{0, 2, 3, 4, 5, 6, 7, 8}[r.IntN(8)]
		lines += int(widths[i])
	}
	b := make([]byte, lines*tiles.Line)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	var counts, list []byte
	for first := 0; first < n; first += tiles.GroupTiles {
		var rows [tiles.Rows][]byte
		rare := []int{1 << 20, 40, 12, 3}[r.IntN(4)]
		for row := range rows {
			for column := range min(tiles.GroupTiles, n-first) * tiles.Columns {
				most := 128>>widths[first+column/tiles.Columns] - 1
				if most < 1 || r.IntN(rare) > 0 {
					continue
				}
				entry := byte(column | r.IntN(2)<<7)
				for range 1 + r.IntN(min(most, 1+r.IntN(20))) {
					rows[row] = append(rows[row], entry)
				}
			}
		}
		c, l := entries(&rows)
		counts, list = binary.LittleEndian.AppendUint64(counts, c), append(list, l...)
	}
	list = append(list, make([]byte, r.IntN(9))...) // what is free
	b = append(append(append(b, list...), counts...), widths...)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, uint32(lines))
	return binary.LittleEndian.AppendUint32(b, uint32(len(list)))
}

// TestTilesOfAnyBlock: on every level, such blocks have the same codes, and products are those with these codes.
func TestTilesOfAnyBlock(t *testing.T) {
	oracle := generic(t)
	taken := 0
	test := func(t *testing.T, k *Kernels) {
		for i := range 120 {
			r := rand.New(rand.NewPCG(uint64(i), 79))
			n := 1 + r.IntN(40)
			b := anyBlock(r, n)
			rows, cols := 1+r.IntN(tiles.Rows), n*tiles.Columns-r.IntN(tiles.Columns)
			var m tiles.Matrix
			if err := m.Open(b, rows, cols); err != nil {
				if size := b[len(b)-8:]; int(binary.LittleEndian.Uint32(size))*tiles.Line+int(binary.LittleEndian.Uint32(size[4:])) <= 517*n {
					t.Fatalf("case %d: %v", i, err)
				}
				continue // more entries than a matrix has room for
			}
			taken++
			strip, want := m.Strip(0), m.Strip(0)
			for len(strip.Widths) > 0 {
				some := min(len(strip.Widths), tiles.GroupTiles*(1+r.IntN(len(strip.Widths))))
				got, wanted := make([]byte, some*tiles.Bytes), make([]byte, some*tiles.Bytes)
				k.unpackStrip(got, &strip, some)
				want.Unpack(wanted, some)
				if !bytes.Equal(got, wanted) || len(strip.Exceptions) != len(want.Exceptions) || len(strip.Lines) != len(want.Lines) || len(strip.Counts) != len(want.Counts) {
					t.Fatalf("case %d: %d tiles are others", i, some)
				}
			}
			idx := make([]byte, rows*cols)
			m.Unpack(idx, 0)
			c := newIntegerCase(r, rows, cols, 1+r.IntN(8))
			got, wanted := make([]float32, c.batch*rows), make([]float32, c.batch*rows)
			k.DotIntegersTiles(got, rows, c.quantized(k), &m, 0, rows)
			oracle.DotIntegers(wanted, rows, c.quantized(oracle), idx, rows)
			wantBits(t, fmt.Sprintf("case %d: [%d, %d], %d vectors", i, rows, cols, c.batch), got, wanted)
		}
	}
	t.Run("generic", func(t *testing.T) { test(t, oracle) })
	eachLevel(t, test)
	eachIntegerSet(t, test)
	if taken < 100 {
		t.Errorf("%d blocks taken", taken)
	}
}
