package tiles

import "encoding/binary"

// Strip is what is left of a strip to be unpacked, from left to right.
type Strip struct {
	Widths     []byte // of the tiles
	Lines      []byte // of the tiles
	Counts     []byte // of the groups
	Exceptions []byte // of the groups, and what is free
}

// Strip returns strip i, whose block is packed.
func (m *Matrix) Strip(i int) Strip {
	per, groups := m.shape.tilesPerStrip(), m.shape.groupsPerStrip()*CountsSize
	index := m.indexOf(i/stripsOf(m.shape.BlockRows), i)
	from, to := getIndex(index), getIndex(index[indexSize:])
	return Strip{
		Widths: m.widths[i*per:][:per], Lines: m.lines[from.Lines*Line : to.Lines*Line],
		Counts: m.counts[i*groups:][:groups], Exceptions: m.exceptions[from.Exceptions:to.Exceptions],
	}
}

// Unpack writes the next n tiles to dst, in strip order: whole groups, but at the strip's end.
func (s *Strip) Unpack(dst []byte, n int) {
	for k, width := range s.Widths[:n] {
		size := int(width) * Line
		unpack((*[Bytes]byte)(dst[k*Bytes:]), s.Lines[:size], int(width))
		s.Lines = s.Lines[size:]
	}
	s.Correct(dst, n)
}

// Skip passes over the next n tiles, as Unpack.
func (s *Strip) Skip(n int) {
	for _, width := range s.Widths[:n] {
		s.Lines = s.Lines[int(width)*Line:]
	}
	for range s.next(n) {
		s.Exceptions = skipGroup(binary.LittleEndian.Uint64(s.Counts), s.Exceptions)
		s.Counts = s.Counts[CountsSize:]
	}
}

// Correct adds the exceptions of the next n tiles to what their lines hold, and passes over all but the lines.
func (s *Strip) Correct(dst []byte, n int) {
	widths := s.Widths
	for range s.next(n) {
		group := min(GroupTiles, len(widths))
		s.Exceptions = correctGroup(dst, widths[:group], binary.LittleEndian.Uint64(s.Counts), s.Exceptions)
		s.Counts = s.Counts[CountsSize:]
		widths, dst = widths[group:], dst[min(GroupTiles*Bytes, len(dst)):]
	}
}

// next passes over n tiles' widths, and returns how many groups those are.
func (s *Strip) next(n int) (groups int) {
	s.Widths = s.Widths[n:]
	return (n + GroupTiles - 1) / GroupTiles
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
