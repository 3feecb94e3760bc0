package tiles

import (
	"encoding/binary"
	"math/bits"
)

// A group of tiles has one word of counts.
const (
	GroupTiles = 2
	CountsSize = 8 // bytes of the word

	groupColumns = GroupTiles * Columns
)

const (
	layer      = 4      // entries of a row that follow each other
	layered    = 14     // entries of a row before its tail
	hasTail    = 15     // the count of a row that has one
	columnBits = 0x3f   // in an entry
	tailEnd    = 0x40   // of a tail
	negative   = 1 << 7 // what is subtracted
)

// longest is the distance between exceptions for which [Size] has another byte.
const longest = 127

// entriesBetween returns how many bytes a size has for the distance between two positions in a strip.
func entriesBetween(from, to int) int { return (to - from) / longest }

// groupList is the entries of a group, by rows.
type groupList [Rows][]byte

// reset empties the list.
func (g *groupList) reset() {
	for r := range g {
		g[r] = g[r][:0]
	}
}

// add adds entries that make up e times a width's step at a byte of the group in strip order.
func (g *groupList) add(at, e int) {
	entry := byte(at/Line*4 + at%4)
	if e < 0 {
		entry, e = entry|negative, -e
	}
	row := &g[at%Line/4]
	for range e {
		*row = append(*row, entry)
	}
}

// put writes the group's counts, and appends its entries to list.
func (g *groupList) put(counts, list []byte) []byte {
	word, most := uint64(0), 0
	for r, row := range g {
		word |= uint64(min(len(row), hasTail)) << (4 * r)
		most = max(most, len(row))
	}
	binary.LittleEndian.PutUint64(counts, word)
	for slot := 0; slot < min(most, layered); slot += layer {
		for _, row := range g {
			if len(row) > slot {
				list = append(list, row[slot:min(slot+layer, layered, len(row))]...)
			}
		}
	}
	for _, row := range g {
		if most > layered && len(row) > layered {
			list = append(list, row[layered:]...)
			list[len(list)-1] |= tailEnd
		}
	}
	return list
}

// skipGroup returns what follows a group's entries in a list.
func skipGroup(counts uint64, list []byte) []byte {
	n, tails := 0, 0
	for c := counts; c != 0; c >>= 4 {
		n += int(min(c&15, layered))
		tails += int(c & 15 / hasTail)
	}
	for list = list[n:]; tails > 0; list = list[1:] {
		tails -= int(list[0] & tailEnd / tailEnd)
	}
	return list
}

// correctGroup adds a group's entries to its codes in strip order, and returns what follows in the list.
func correctGroup(dst, widths []byte, counts uint64, list []byte) []byte {
	var steps [GroupTiles]byte
	for k, width := range widths {
		steps[k] = 1 << width
	}
	add := func(row int, entry byte) {
		j := int(entry & columnBits)
		step := steps[j/Columns]
		if entry >= negative {
			step = -step
		}
		dst[j/4*Line+4*row+j%4] += step
	}
	for slot := 0; slot < layered; slot += layer {
		more := false
		for c := counts; c != 0; {
			row := bits.TrailingZeros64(c) / 4
			n := min(int(counts>>(4*row)&15), layered) - slot
			c &^= 15 << (4 * row)
			if n <= 0 {
				continue
			}
			more = more || n > layer
			n = min(n, layer)
			for _, entry := range list[:n] {
				add(row, entry)
			}
			list = list[n:]
		}
		if !more {
			break
		}
	}
	for row := range Rows {
		for ends := counts>>(4*row)&15 != hasTail; !ends; list = list[1:] {
			add(row, list[0])
			ends = list[0]&tailEnd != 0
		}
	}
	return list
}
