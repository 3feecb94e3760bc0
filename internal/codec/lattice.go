package codec

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/rans"
)

const (
	latticeClasses = 16 // at most, of columns and of rows
	latticeLevels  = 64

	impossible = 1 << 31 // the cost of a code without frequency: above that of any other code, or row
)

// LatticeModel says how likely each code of a matrix is, by the spread that its
// column's and its row's class make together: the sum of both levels names a table.
type LatticeModel struct {
	Starts  []int  // first column of each class, and the number of columns; 1 to 16 classes
	Columns []byte // level of each column class, ascending
	Rows    []byte // level of each row class, ascending; 1 to 16
	// Tables, by level. Levels that have none have the next lower one's; level 0 has one.
	Tables [latticeLevels]*rans.Frequencies

	// What only packing needs, see RowSpread: the spreads of the column and the row classes.
	ColumnSpreads, RowSpreads []int
}

// Append appends what ParseLatticeModel reads: the number of row classes, the levels of
// column and row classes, a byte each; u64 LE, whose bit i says that level i has a table
// of its own; and these tables.
func (m *LatticeModel) Append(b []byte) []byte {
	b = append(b, byte(len(m.Rows)))
	b = append(append(b, m.Columns...), m.Rows...)
	var own uint64
	for i, t := range m.Tables {
		if t != nil {
			own |= 1 << i
		}
	}
	b = binary.LittleEndian.AppendUint64(b, own)
	for _, t := range m.Tables {
		if t != nil {
			b = t.Append(b)
		}
	}
	return b
}

// ParseLatticeModel reads the model of a matrix with these column classes, which is all of
// b; ErrCorrupt if it is none.
func ParseLatticeModel(b []byte, starts []int) (*LatticeModel, error) {
	bad := func(what string) (*LatticeModel, error) { return nil, corrupt("rans", "%s", what) }
	classes := len(starts) - 1
	if len(b) == 0 || b[0] < 1 || b[0] > latticeClasses || len(b) < 1+classes+int(b[0])+8 {
		return bad("row classes")
	}
	m := &LatticeModel{Starts: starts, Columns: b[1:][:classes], Rows: b[1+classes:][:b[0]]}
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
	for i := range m.Tables {
		if own>>i&1 == 1 {
			f, rest, err := rans.Parse(b)
			if err != nil {
				return bad(fmt.Sprintf("the table of level %d", i))
			}
			m.Tables[i], b = &f, rest
		}
	}
	if len(b) > 0 {
		return bad(fmt.Sprintf("%d bytes after the last table", len(b)))
	}
	return m, nil
}

// lattice packs blocks of rows of codes with the tables of a model. A block is
//
//	the rows' classes, 4 bits each, the first in the low half of its byte, unless there
//	is only one class
//	the codes, with the form of package rans: those of the lowest table first; of each
//	table the rows in order, and of a row the columns in order
//
// or, where that is not shorter, the codes as they are.
type lattice struct {
	width    int
	rows     int                 // classes
	tables   []*rans.Frequencies // those that differ, from the lowest level
	segments [][]segment         // by row class and table: the columns that have it
	columns  []segment           // by column class
	table    [][]int             // by row and column class

	columnSpreads, rowSpreads []int
}

// segment is a range of columns.
type segment struct{ from, to int }

// latticePool has the buffers of all codecs: a model has hundreds, of which few work at a time.
var latticePool = sync.Pool{New: func() any { return new(latticeBuffers) }}

type latticeBuffers struct {
	codes   []byte // in the order of the tables
	classes []byte // of the rows
	runs    []rans.Run
	decoder rans.Decoder
	costs   [][256]uint32 // of the tables, for packing
}

// NewLattice returns the codec for blocks of whole rows that m describes. Its blocks keep
// to MaxRatio. Encode fails with ErrLength if a block is no whole number of rows.
func NewLattice(m *LatticeModel) Codec {
	classes := len(m.Columns)
	c := lattice{width: m.Starts[classes], rows: len(m.Rows), columnSpreads: m.ColumnSpreads, rowSpreads: m.RowSpreads}
	var own [latticeLevels]int // which of c.tables a level has
	for level, f := range m.Tables {
		if f != nil {
			c.tables = append(c.tables, f)
		}
		own[level] = len(c.tables) - 1
	}
	for k := range classes {
		c.columns = append(c.columns, segment{m.Starts[k], m.Starts[k+1]})
	}
	for _, row := range m.Rows {
		segments, table := make([]segment, len(c.tables)), make([]int, classes)
		for k, column := range m.Columns {
			i := own[row+column]
			if table[k] = i; segments[i].to == 0 {
				segments[i].from = m.Starts[k]
			}
			segments[i].to = m.Starts[k+1]
		}
		c.segments, c.table = append(c.segments, segments), append(c.table, table)
	}
	return c
}

func (lattice) Name() string { return "rans" }

// classBytes is the length of the rows' classes.
func (c lattice) classBytes(rows int) int {
	if c.rows == 1 {
		return 0
	}
	return (rows + 1) / 2
}

func (c lattice) Encode(dst, src []byte) ([]byte, error) {
	if err := checkLength("rans", src); err != nil {
		return dst, err
	}
	if len(src)%c.width != 0 {
		return dst, fmt.Errorf("rans: %d bytes are no rows of %d: %w", len(src), c.width, ErrLength)
	}
	b := latticePool.Get().(*latticeBuffers)
	defer latticePool.Put(b)
	rows := len(src) / c.width
	b.costs = b.costs[:0]
	for _, f := range c.tables {
		b.costs = append(b.costs, codeCosts(f))
	}
	b.classes = grow(b.classes, rows)
	for i := range b.classes {
		b.classes[i] = byte(c.rowClass(src[i*c.width:][:c.width], b.costs))
	}
	c.plan(b)
	b.codes = b.codes[:0]
	for i := range c.tables {
		for row, class := range b.classes {
			s := c.segments[class][i]
			b.codes = append(b.codes, src[row*c.width+s.from:row*c.width+s.to]...)
		}
	}
	start := len(dst)
	dst = append(dst, make([]byte, c.classBytes(rows))...)
	if c.rows > 1 {
		for i, class := range b.classes {
			dst[start+i/2] |= class << (i % 2 * 4)
		}
	}
	dst, ok := rans.Encode(dst, b.codes, b.runs)
	if !ok || len(dst)-start >= len(src) {
		dst = append(dst[:start], src...)
	}
	return dst, nil
}

// rowClass finds the class of least cost for a row, near that of its spread.
func (c lattice) rowClass(row []byte, costs [][256]uint32) int {
	var squares [latticeClasses]int64
	for k, s := range c.columns {
		for _, code := range row[s.from:s.to] {
			z := int64(code) - 128
			squares[k] += z * z
		}
	}
	best := int(nearestClass(RowSpread(&squares, c.columnSpreads, c.width), c.rowSpreads))
	bestCost := c.cost(row, best, costs)
	for step := -1; step <= 1; step += 2 {
		for class := best + step; class >= 0 && class < c.rows; class += step {
			cost := c.cost(row, class, costs)
			if cost >= bestCost {
				break
			}
			best, bestCost = class, cost
		}
	}
	return best
}

// cost is what a row of that class takes, in 256ths of a bit.
func (c lattice) cost(row []byte, class int, costs [][256]uint32) (sum uint64) {
	for k, s := range c.columns {
		table := &costs[c.table[class][k]]
		for _, code := range row[s.from:s.to] {
			sum += uint64(table[code])
		}
	}
	return sum
}

// codeCosts are what each code takes with these frequencies, in 256ths of a bit.
func codeCosts(f *rans.Frequencies) (costs [256]uint32) {
	for code := range costs {
		if costs[code] = uint32(f.Cost(byte(code))); f[code] == 0 {
			costs[code] = impossible
		}
	}
	return costs
}

// plan makes the runs of rows with b's classes.
func (c lattice) plan(b *latticeBuffers) {
	var rows [latticeClasses]int // of each class
	for _, class := range b.classes {
		rows[class]++
	}
	b.runs = b.runs[:0]
	for i, table := range c.tables {
		n := 0
		for class, segments := range c.segments {
			n += rows[class] * (segments[i].to - segments[i].from)
		}
		b.runs = append(b.runs, rans.Run{Frequencies: table, N: n})
	}
}

func (c lattice) Decode(dst, src []byte) error {
	if len(dst)%c.width != 0 {
		return corrupt("rans", "%d bytes are no rows of %d", len(dst), c.width)
	}
	if len(src) == len(dst) {
		copy(dst, src)
		return nil
	}
	rows := len(dst) / c.width
	if len(src) < c.classBytes(rows) {
		return corrupt("rans", "it ends within the rows' classes")
	}
	b := latticePool.Get().(*latticeBuffers)
	defer latticePool.Put(b)
	b.classes = grow(b.classes, rows)
	clear(b.classes)
	if c.rows > 1 {
		for i := range b.classes {
			if b.classes[i] = src[i/2] >> (i % 2 * 4) & 15; int(b.classes[i]) >= c.rows {
				return corrupt("rans", "row %d is of class %d, there are %d", i, b.classes[i], c.rows)
			}
		}
		if rows%2 == 1 && src[rows/2]>>4 != 0 {
			return corrupt("rans", "a class for a row beyond the last")
		}
	}
	c.plan(b)
	b.codes = grow(b.codes, len(dst))
	if err := b.decoder.Decode(b.codes, src[c.classBytes(rows):], b.runs); err != nil {
		return corrupt("rans", "%v", err)
	}
	codes := b.codes
	for i := range c.tables {
		for row, class := range b.classes {
			s := c.segments[class][i]
			codes = codes[copy(dst[row*c.width+s.from:row*c.width+s.to], codes):]
		}
	}
	return nil
}

// grow returns b with length n; what it holds is undefined.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
