package codec

import (
	"encoding/binary"
	"fmt"
)

const (
	latticeClasses = 16 // at most, of columns and of rows
	latticeLevels  = 64
)

// LatticeModel says how likely each code of a matrix is, by the spread that its
// column's and its row's class make together: the sum of both levels names a table.
type LatticeModel struct {
	Starts  []int  // first place of each column class, as LatticeStarts says, and the number of columns; 1 to 16 classes
	Columns []byte // level of each column class, ascending
	Rows    []byte // level of each row class, ascending; 1 to 16
	// What only packing needs, see RowSpread: the spreads of the column and the row classes.
	ColumnSpreads, RowSpreads []int

	coder *latticeCoder
	// By level. Levels that have none have the next lower one's; level 0 has one.
	tables [latticeLevels]latticeTable
}

// latticeTable is what a coder knows of how likely codes are.
type latticeTable interface {
	Append(b []byte) []byte
	// Cost is what a code takes, in 256ths of a bit.
	Cost(code byte) uint32
}

// latticeCoder is an entropy coder of lattice files.
type latticeCoder struct {
	name  string
	step  int // columns that have a table together
	fit   func(counts *[256]uint64) latticeTable
	parse func(b []byte) (t latticeTable, rest []byte, err error)
	codec func(m *LatticeModel, c rowClasses) Codec
}

var latticeCoders = []*latticeCoder{&ransCoder, &aliasCoder}

// coderOf returns the coder of that name, nil if there is none.
func coderOf(name string) *latticeCoder {
	for _, c := range latticeCoders {
		if c.name == name {
			return c
		}
	}
	return nil
}

// HasLatticeModel tells whether name is that of a codec that NewLattice makes.
func HasLatticeModel(name string) bool { return coderOf(name) != nil }

// LatticeStarts returns which columns the codec of that name, which has a model, takes to be of each class, where starts has
// the first of each and the number of columns: with "alias" whole steps, the last one's rest included.
func LatticeStarts(name string, starts []int) []int {
	step, own := coderOf(name).step, make([]int, len(starts))
	for k, at := range starts {
		own[k] = (at + step/2) / step * step
	}
	width := starts[len(starts)-1]
	for k := range own {
		own[k] = min(own[k], width)
	}
	own[0], own[len(own)-1] = 0, width
	return own
}

// Append appends what ParseLatticeModel reads: the number of row classes, the levels of
// column and row classes, a byte each; u64 LE, whose bit i says that level i has a table
// of its own; and these tables.
func (m *LatticeModel) Append(b []byte) []byte {
	b = append(b, byte(len(m.Rows)))
	b = append(append(b, m.Columns...), m.Rows...)
	var own uint64
	for i, t := range m.tables {
		if t != nil {
			own |= 1 << i
		}
	}
	b = binary.LittleEndian.AppendUint64(b, own)
	for _, t := range m.tables {
		if t != nil {
			b = t.Append(b)
		}
	}
	return b
}

// ParseLatticeModel reads the model that the codec of that name has for a matrix with these column classes, and which is all
// of b; ErrCorrupt if it is none.
func ParseLatticeModel(name string, b []byte, starts []int) (*LatticeModel, error) {
	bad := func(what string) (*LatticeModel, error) { return nil, corrupt(name, "%s", what) }
	classes := len(starts) - 1
	if len(b) == 0 || b[0] < 1 || b[0] > latticeClasses || len(b) < 1+classes+int(b[0])+8 {
		return bad("row classes")
	}
	m := &LatticeModel{Starts: LatticeStarts(name, starts), Columns: b[1:][:classes], Rows: b[1+classes:][:b[0]], coder: coderOf(name)}
	for _, levels := range [][]byte{m.Columns, m.Rows} {
		for i, level := range levels {
			if i > 0 && level < levels[i-1] {
				return bad("levels that do not ascend")
			}
		}
	}
	if int(m.Columns[classes-1])+int(m.Rows[b[0]-1]) >= latticeLevels {
		return bad("level too high")
	}
	b = b[1+classes+int(b[0]):]
	own, b := binary.LittleEndian.Uint64(b), b[8:]
	if own&1 == 0 {
		return bad("no table for level 0")
	}
	for i := range m.tables {
		if own>>i&1 == 1 {
			t, rest, err := m.coder.parse(b)
			if err != nil {
				return bad(fmt.Sprintf("the table of level %d", i))
			}
			m.tables[i], b = t, rest
		}
	}
	if len(b) > 0 {
		return bad(fmt.Sprintf("%d bytes after the last table", len(b)))
	}
	return m, nil
}

// NewLattice returns the codec for blocks of whole rows that m describes. Its blocks keep
// to MaxRatio. Encode fails with ErrLength if a block is no whole number of rows.
func NewLattice(m *LatticeModel) Codec { return m.coder.codec(m, newRowClasses(m)) }
