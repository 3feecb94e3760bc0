package tiles

import "encoding/binary"

// Strip is what is left of a strip to be unpacked, from left to right.
type Strip struct {
	Widths     []byte // of the tiles
	Lines      []byte // of the tiles
	Exceptions []byte
	At         int // the position of the exception before, from the next tile on
}

// Strip returns strip i, whose block is packed.
func (m *Matrix) Strip(i int) Strip {
	per := m.shape.tilesPerStrip()
	index := m.indexOf(i/stripsOf(m.shape.BlockRows), i)
	from, to := getIndex(index), getIndex(index[indexSize:])
	return Strip{
		Widths: m.widths[i*per:][:per], Lines: m.lines[from.Lines*Line : to.Lines*Line],
		Exceptions: m.exceptions[from.Exceptions:to.Exceptions],
	}
}

// Unpack writes the next n tiles to dst, in strip order.
func (s *Strip) Unpack(dst []byte, n int) {
	for k, width := range s.Widths[:n] {
		size := int(width) * Line
		unpack((*[Bytes]byte)(dst[k*Bytes:]), s.Lines[:size], int(width))
		s.Lines = s.Lines[size:]
	}
	s.Correct(dst, n)
}

// Skip passes over the next n tiles.
func (s *Strip) Skip(n int) {
	for _, width := range s.Widths[:n] {
		s.Lines = s.Lines[int(width)*Line:]
	}
	s.next(n)
}

// Correct adds the exceptions of the next n tiles to what their lines hold, and passes over all but the lines.
func (s *Strip) Correct(dst []byte, n int) {
	widths, at := s.Widths, s.At
	for _, entry := range s.next(n) {
		at += int(entry & longest)
		switch {
		case entry&longest == longest:
		case entry&negative != 0:
			dst[at] -= 1 << widths[at/Bytes]
		default:
			dst[at] += 1 << widths[at/Bytes]
		}
	}
}

// next passes over n tiles, but not over their lines, and returns their exceptions.
func (s *Strip) next(n int) (exceptions []byte) {
	i, end := 0, n*Bytes
	for ; i < len(s.Exceptions); i++ {
		next := s.At + int(s.Exceptions[i]&longest)
		if next >= end {
			break
		}
		s.At = next
	}
	exceptions, s.Exceptions = s.Exceptions[:i], s.Exceptions[i:]
	s.Widths, s.At = s.Widths[n:], s.At-end
	return exceptions
}

// Deinterleave writes the first cols columns of what is in strip order to rows, ld apart, as many as there are.
func Deinterleave(rows []byte, ld int, strip []byte, cols int) {
	for r := 0; len(rows) > 0; r++ {
		row, quad := rows[:cols], strip[4*r:]
		for ; len(row) >= 4; row, quad = row[4:], quad[min(Line, len(quad)):] {
			binary.LittleEndian.PutUint32(row, binary.LittleEndian.Uint32(quad))
		}
		copy(row, quad)
		rows = rows[min(ld, len(rows)):]
	}
}

// panelTiles is how many tiles of a strip are unpacked at a time.
const panelTiles = 16

// Unpack writes the codes of whole rows, from row first on, to dst.
func (m *Matrix) Unpack(dst []byte, first int) {
	var panel [panelTiles * Bytes]byte
	cols := m.shape.Cols
	for len(dst) > 0 {
		i, r := m.Place(first)
		rows := min(Rows-r, m.shape.BlockRows-first%m.shape.BlockRows, len(dst)/cols)
		strip := m.Strip(i)
		for column := 0; column < cols; column += panelTiles * Columns {
			strip.Unpack(panel[:], min(panelTiles, len(strip.Widths)))
			Deinterleave(dst[column:(rows-1)*cols+min(column+panelTiles*Columns, cols)], cols, panel[4*r:], min(panelTiles*Columns, cols-column))
		}
		dst, first = dst[rows*cols:], first+rows
	}
}
