package alias

import "math"

const (
	symbols   = 16
	slots     = 256
	cellSlots = slots / symbols

	maxExtra = 4
	// maxFrequency keeps a symbol above a hundredth of a bit, so that a packed byte never stands for more than 1024 codes.
	maxFrequency = slots - 2

	// TableLen is the length of a table's description.
	TableLen = 2 + symbols
)

// Table says how many slots each symbol has, where they are, and which codes it stands for. Slots lie in 16 cells of 16. The
// first of cell c, up to a divider, are of symbol c, the others of the cell's alias. The slots of a symbol count from those in
// its own cell on, then come those in others, in order. It is read, and shared, without being changed.
//
// The vector instructions know where its fields lie.
type Table struct {
	divider   [symbols]uint8 // by cell
	alias     [symbols]uint8
	offset    [symbols]uint8 // what makes a place in the cell the number of the alias's slot, mod 256
	frequency [symbols]uint8 // by symbol: slots
	code      [symbols]uint8 // the lowest
	extra     uint8          // e
	fill      uint8          // see Fill
	_         [14]uint8

	entries [slots]uint32 // by slot, for portable code: its symbol's slots, its number << 8, the symbol's lowest code << 16
}

// Parse reads the description at the start of b, and returns what follows it; ErrCorrupt if it is none.
//
// It is two bytes, the lowest code and the number of extra bits, at most 4; then of each cell a byte: the alias in the low
// half, the divider in the high one. A cell that is all its symbol's has that as alias, and divider 0. No symbol has more
// than 254 slots, and none that has any stands for codes above 255.
func Parse(b []byte) (t Table, rest []byte, err error) {
	if len(b) < TableLen || b[1] > maxExtra {
		return t, nil, ErrCorrupt
	}
	for c := range symbols {
		t.alias[c], t.divider[c] = b[2+c]&15, b[2+c]>>4
		if int(t.alias[c]) == c && t.divider[c] != 0 {
			return t, nil, ErrCorrupt
		}
	}
	if !t.finish(int(b[0]), b[1]) {
		return t, nil, ErrCorrupt
	}
	return t, b[TableLen:], nil
}

// finish works out what dividers and aliases make. It tells whether that is a table.
func (t *Table) finish(base int, extra uint8) bool {
	var used [symbols]int
	for c, a := range t.alias {
		if used[c] = int(t.divider[c]); int(a) == c {
			used[c] = cellSlots
		}
	}
	for c, a := range t.alias {
		if int(a) != c {
			t.offset[c] = uint8(used[a]) - t.divider[c]
			used[a] += cellSlots - int(t.divider[c])
		}
	}
	top := 0
	for s, n := range used {
		if n > maxFrequency || n > 0 && base+(s+1)<<extra > 256 {
			return false
		}
		if t.frequency[s], t.code[s] = uint8(n), uint8(base+s<<extra); n > used[top] {
			top = s
		}
	}
	t.extra, t.fill = extra, t.code[top]
	for slot := range t.entries {
		s, j := t.lookup(uint8(slot))
		t.entries[slot] = uint32(t.frequency[s]) | uint32(j)<<8 | uint32(t.code[s])<<16
	}
	return true
}

// Append appends the description of t to b.
func (t *Table) Append(b []byte) []byte {
	b = append(b, t.code[0], t.extra)
	for c, a := range t.alias {
		b = append(b, a|t.divider[c]<<4)
	}
	return b
}

// Fill is the first code of the symbol with the most slots, of the first such. It stands where there is no code, and where an
// exception is.
func (t *Table) Fill() byte { return t.fill }

// lookup returns the symbol of a slot, and which of its slots that is.
func (t *Table) lookup(slot uint8) (symbol, j uint8) {
	cell, at := slot>>4, slot&15
	if at < t.divider[cell] {
		return cell, at
	}
	return t.alias[cell], at + t.offset[cell]
}

// symbol returns the symbol of a code; that of Fill, and false, if no symbol with slots has it.
func (t *Table) symbol(code byte) (s uint8, ok bool) {
	s = (code - t.code[0]) >> t.extra
	if code >= t.code[0] && s < symbols && t.frequency[s] > 0 {
		return s, true
	}
	return (t.fill - t.code[0]) >> t.extra, false
}

// Cost returns what a code takes, in 256ths of a bit; an exception what such do about.
func (t *Table) Cost(code byte) uint32 {
	s, ok := t.symbol(code)
	cost := uint32(costs[t.frequency[s]]) + 256*uint32(t.extra)
	if !ok {
		cost += 256 * exceptionBits
	}
	return cost
}

// costs are 256ths of a bit by frequency.
var costs = func() (c [maxFrequency + 1]uint16) {
	for f := 1; f < len(c); f++ {
		c[f] = uint16(math.Round(256 * (8 - logs[f])))
	}
	return c
}()
