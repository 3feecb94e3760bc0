package tiles

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// check refuses a block that could not be read, or whose codes are not bytes: exceptions would be one code to who adds them
// to bytes, another to who multiplies by them.
func (m *Matrix) check() error {
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
		if at, ok := m.Strip(i).check(); !ok {
			return fmt.Errorf("%w: the exceptions of group %d in strip %d", ErrForm, at, i)
		}
		from = to
	}
	return nil
}

// check tells whether the lists of a strip are well-formed, or the first group whose is not.
func (s Strip) check() (group int, ok bool) {
	for ; len(s.Widths) > 0; group++ {
		n := min(GroupTiles, len(s.Widths))
		c := groupCheck{widths: s.Widths[:n], lines: s.Lines}
		counts := binary.LittleEndian.Uint64(s.Counts)
		if counts != 0 {
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
	last          [Rows]byte // entry of each row
	run           [Rows]byte // how many of its kind there have been; 0: there is none
}

// lists looks at the entries that counts tell of, and returns what follows in the list.
func (c *groupCheck) lists(counts uint64, list []byte) (rest []byte, ok bool) {
	for slot, more := 0, true; more && slot < layered; slot += layer {
		more = false
		for left := counts; left != 0; {
			row := bits.TrailingZeros64(left) / 4
			left &^= 15 << (4 * row)
			n := min(int(counts>>(4*row)&15), layered) - slot
			if n <= 0 {
				continue
			}
			more = more || n > layer
			n = min(n, layer)
			if n > len(list) {
				return nil, false
			}
			for _, entry := range list[:n] {
				if entry&tailEnd != 0 || !c.entry(row, entry) {
					return nil, false
				}
			}
			list = list[n:]
		}
	}
	for row := range Rows {
		for ends := counts>>(4*row)&15 != hasTail; !ends; list = list[1:] {
			if len(list) == 0 || !c.entry(row, list[0]&^tailEnd) {
				return nil, false
			}
			ends = list[0]&tailEnd != 0
		}
	}
	return list, true
}

// entry tells whether a row may have an entry after those before: columns ascend, and those of one add up to a code.
func (c *groupCheck) entry(row int, entry byte) bool {
	last, column := c.last[row], entry&columnBits
	switch {
	case c.run[row] == 0 || column > last&columnBits:
		c.last[row], c.run[row] = entry, 1
	case entry != last:
		return false
	default:
		c.run[row]++
	}
	k := int(column) / Columns
	if k >= len(c.widths) {
		return false
	}
	most := 128 >> c.widths[k] // of entries that a code may have; at most as many of them, if its bits are in the half that is left
	return int(c.run[row]) < most || int(c.run[row]) == most && c.upper(row, int(column)) == (entry >= negative)
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
