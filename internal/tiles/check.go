package tiles

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// check refuses a block that could not be read, or whose lists a check of strips does not take.
func (m *Matrix) check(lists func(Strip) (group int, ok bool)) error {
	from := getIndex(m.index)
	if from != (Size{}) {
		return fmt.Errorf("%w: it begins at line %d and exception %d", ErrForm, from.Lines, from.Exceptions)
	}
	per := m.shape.tilesPerStrip()
	for i := range m.shape.strips() {
		to := getIndex(m.index[(i+1)*indexSize:])
		lines := int64(0)
		for _, width := range m.widths[i*per:][:per] {
			if width == 1 || width > maxWidth {
				return fmt.Errorf("%w: a tile of %d bits in strip %d", ErrForm, width, i)
			}
			lines += int64(width)
		}
		if to.Lines-from.Lines != lines || to.Lines > int64(len(m.lines)/Line) || to.Exceptions < from.Exceptions || to.Exceptions > int64(len(m.exceptions)) {
			return fmt.Errorf("%w: strip %d ends at line %d and exception %d", ErrForm, i, to.Lines, to.Exceptions)
		}
		if at, ok := lists(m.Strip(i)); !ok {
			return fmt.Errorf("%w: the exceptions of group %d in strip %d", ErrForm, at, i)
		}
		from = to
	}
	return nil
}

// bounded tells whether the lists of a strip end within it, name columns that there are, and have the bit that ends tails in tails alone, as
// routines look entries up without a look at it; or the first group whose does not.
func (s Strip) bounded() (group int, ok bool) {
	half := len(s.Widths)%GroupTiles == 1 // a tile is the last group
	for ; len(s.Counts) > 0; group++ {
		first, n, ok := s.entries()
		if !ok || anyOf(s.Exceptions[:first], tailEnd) || half && len(s.Counts) == CountsSize && anyOf(s.Exceptions[:n], Columns) {
			return group, false
		}
		s.Exceptions, s.Counts = s.Exceptions[n:], s.Counts[CountsSize:]
	}
	return group, true
}

// anyOf tells whether some entry has a bit.
func anyOf(entries []byte, bit uint64) bool {
	for ; len(entries) >= 8; entries = entries[8:] {
		if binary.LittleEndian.Uint64(entries)&(bit*ones) != 0 {
			return true
		}
	}
	return slices.ContainsFunc(entries, func(e byte) bool { return uint64(e)&bit != 0 })
}

// entries returns how many entries the next group has before its tails, and in all, if so many are left.
func (s Strip) entries() (first, n int, ok bool) {
	const nibbles, lowest = 0x0f0f0f0f0f0f0f0f, 0x1111111111111111
	counts := binary.LittleEndian.Uint64(s.Counts)
	tails := bits.OnesCount64(counts & (counts >> 1) & (counts >> 2) & (counts >> 3) & lowest)
	first = int((counts&nibbles+counts>>4&nibbles)*ones>>56) - tails
	for n = first; tails > 0 && n < len(s.Exceptions); n++ {
		if s.Exceptions[n]&tailEnd != 0 {
			tails--
		}
	}
	return first, n, tails == 0 && n <= len(s.Exceptions)
}

// check tells whether the lists of a strip are well-formed, or the first group whose is not: codes are bytes. Else exceptions would be
// one code to who adds them to bytes, another to who multiplies by them.
func (s Strip) check() (group int, ok bool) {
	var c groupCheck
	for ; len(s.Widths) > 0; group++ {
		n := min(GroupTiles, len(s.Widths))
		if counts := binary.LittleEndian.Uint64(s.Counts); counts != 0 {
			c.widths, c.lines = s.Widths[:n], s.Lines
			if s.Exceptions, ok = c.lists(counts, s.Exceptions); !ok {
				return group, false
			}
		}
		for _, width := range s.Widths[:n] {
			s.Lines = s.Lines[int(width)*Line:]
		}
		s.Widths, s.Counts = s.Widths[n:], s.Counts[CountsSize:]
	}
	for _, b := range s.Exceptions { // what is free
		if b != 0 {
			return group, false
		}
	}
	return group, true
}

// groupCheck looks at a group's entries, row by row.
type groupCheck struct {
	widths, lines []byte
	most          [GroupTiles]int // how many entries a code of a tile may have; -1 where there is no tile
	rows          [Rows]rowCheck
}

// rowCheck is where a row stands: its entry before, and how many of that kind there have been.
type rowCheck struct{ last, run int }

// lists looks at the entries that counts tell of, and returns what follows in the list.
func (c *groupCheck) lists(counts uint64, list []byte) (rest []byte, ok bool) {
	c.rows = [Rows]rowCheck{}
	c.most = [GroupTiles]int{-1, -1}
	for k, width := range c.widths {
		c.most[k] = 128 >> width
	}
	usual := len(c.widths) == GroupTiles && max(c.widths[0], c.widths[1]) <= 6 // so that one entry of a kind is never too much
	for k, rows := range layersOf(counts) {
		for ; rows != 0; rows &= rows - 1 {
			at := bits.TrailingZeros64(rows)
			n := min(int(counts>>at&15)-k*layer, layer)
			if k == layered/layer {
				n = min(n, layered%layer)
			}
			if n > len(list) || !(usual && c.ascend(at/4, k, list, n)) && !c.entries(at/4, list[:n]) {
				return nil, false
			}
			list = list[n:]
		}
	}
	for row := range Rows {
		if counts>>(4*row)&15 != hasTail {
			continue
		}
		n := 0
		for n < len(list) && list[n]&tailEnd == 0 {
			n++
		}
		if n == len(list) || !c.entries(row, list[:n]) || !c.entries(row, []byte{list[n] &^ tailEnd}) {
			return nil, false
		}
		list = list[n+1:]
	}
	return list, true
}

// layersOf tells which rows have entries in each layer: the lowest bits of their counts are set.
func layersOf(counts uint64) [layered/layer + 1]uint64 {
	const lowest = 0x1111111111111111
	one, two, four, eight := counts, counts>>1, counts>>2, counts>>3
	return [...]uint64{
		(one | two | four | eight) & lowest, (eight | four&(two|one)) & lowest, eight & (four | two | one) & lowest, eight & four & (two | one) & lowest,
	}
}

// ascend tells whether the columns of the next n entries of a row, at most four, are above each other and those before, if
// any: it is entries of what is usual, in less time.
func (c *groupCheck) ascend(row, before int, list []byte, n int) bool {
	const columns, high, one = columnBits * 0x01010101, 0x80808080, 0x01010101
	if len(list) < layer {
		return false
	}
	w := binary.LittleEndian.Uint32(list)
	all := uint32(1)<<(8*n) - 1 // of as many bytes
	u := w & columns
	above := (u>>8 | high) - u - one // the top bit of a byte: the next column is above this one's
	at := &c.rows[row&(Rows-1)]
	if ^above&high&(all>>8) != 0 || w&all&(tailEnd*one) != 0 || before > 0 && int(u&columnBits) <= at.last&columnBits {
		return false
	}
	*at = rowCheck{int(w >> (8*n - 8) & 0xff), 1}
	return true
}

// entries tells whether a row may have some entries after those before: columns ascend, and the entries of one add up to a
// code.
func (c *groupCheck) entries(row int, entries []byte) bool {
	at := c.rows[row&(Rows-1)]
	for _, e := range entries {
		entry := int(e)
		switch column := entry & columnBits; {
		case entry&tailEnd != 0:
			return false
		case column > at.last&columnBits || at.run == 0:
			at = rowCheck{entry, 1}
		case entry != at.last:
			return false
		default:
			at.run++
		}
		// A code has at most so many, and as many only if its bits are in the half that is left.
		if most := c.most[entry&columnBits/Columns]; at.run >= most && (at.run > most || c.upper(row, entry&columnBits) != (entry >= negative)) {
			return false
		}
	}
	c.rows[row&(Rows-1)] = at
	return true
}

// upper tells whether the highest of the bits that a tile keeps of a code is set.
func (c *groupCheck) upper(row, column int) bool {
	lines := c.lines
	k := column / Columns
	if k > 0 {
		lines = lines[int(c.widths[0])*Line:]
	}
	width := int(c.widths[k])
	if width == 0 {
		return true // an integer of -128 there is, but none of 128
	}
	p := parts[width][len(parts[width])-1]
	quad := column % Columns / 4
	return lines[(p.place+quad*p.bits/8)*Line+4*row+column%4]>>(quad*p.bits%8+p.bits-1)&1 != 0
}
