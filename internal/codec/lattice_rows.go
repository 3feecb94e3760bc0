package codec

import "fmt"

// rowClasses sorts rows into the classes of a model, and knows the table of each place of a row then. It is what codecs with
// a model begin with.
type rowClasses struct {
	name    string
	width   int
	rows    int            // classes
	own     []latticeTable // the tables that differ, from the lowest level
	columns []segment      // by column class
	table   [][]int        // by row and column class: which of own

	columnSpreads, rowSpreads []int
}

// segment is a range of columns.
type segment struct{ from, to int }

func newRowClasses(m *LatticeModel) rowClasses {
	classes := len(m.Columns)
	c := rowClasses{name: m.coder.name, width: m.Starts[classes], rows: len(m.Rows), columnSpreads: m.ColumnSpreads, rowSpreads: m.RowSpreads}
	var own [latticeLevels]int // which of c.own a level has
	for level, t := range m.tables {
		if t != nil {
			c.own = append(c.own, t)
		}
		own[level] = len(c.own) - 1
	}
	for k := range classes {
		c.columns = append(c.columns, segment{m.Starts[k], m.Starts[k+1]})
	}
	for _, row := range m.Rows {
		table := make([]int, classes)
		for k, column := range m.Columns {
			table[k] = own[row+column]
		}
		c.table = append(c.table, table)
	}
	return c
}

// classBytes is the length of the rows' classes: 4 bits each, the first in the low half of its byte, unless there is only one
// class.
func (c *rowClasses) classBytes(rows int) int {
	if c.rows == 1 {
		return 0
	}
	return (rows + 1) / 2
}

// choose sets the class of each row of src.
func (c *rowClasses) choose(classes, src []byte) {
	costs := make([][256]uint32, len(c.own))
	for i, t := range c.own {
		for code := range costs[i] {
			costs[i][code] = t.Cost(byte(code))
		}
	}
	for i := range classes {
		classes[i] = byte(c.rowClass(src[i*c.width:][:c.width], costs))
	}
}

// put appends the classes of rows to dst.
func (c *rowClasses) put(dst, classes []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, c.classBytes(len(classes)))...)
	if c.rows > 1 {
		for i, class := range classes {
			dst[start+i/2] |= class << (i % 2 * 4)
		}
	}
	return dst
}

// parse sets the class of each row, and returns what follows them in src.
func (c *rowClasses) parse(classes, src []byte) (rest []byte, err error) {
	rows := len(classes)
	if len(src) < c.classBytes(rows) {
		return nil, corrupt(c.name, "it ends within the rows' classes")
	}
	clear(classes)
	if c.rows == 1 {
		return src, nil
	}
	for i := range classes {
		if classes[i] = src[i/2] >> (i % 2 * 4) & 15; int(classes[i]) >= c.rows {
			return nil, corrupt(c.name, "row %d is of class %d, there are %d", i, classes[i], c.rows)
		}
	}
	if rows%2 == 1 && src[rows/2]>>4 != 0 {
		return nil, corrupt(c.name, "a class for a row beyond the last")
	}
	return src[c.classBytes(rows):], nil
}

// rowClass finds the class of least cost for a row, near that of its spread.
func (c *rowClasses) rowClass(row []byte, costs [][256]uint32) int {
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
func (c *rowClasses) cost(row []byte, class int, costs [][256]uint32) (sum uint64) {
	for k, s := range c.columns {
		table := &costs[c.table[class][k]]
		for _, code := range row[s.from:s.to] {
			sum += uint64(table[code])
		}
	}
	return sum
}

// checkRows refuses what Encode can't take.
func (c *rowClasses) checkRows(src []byte) error {
	if err := checkLength(c.name, src); err != nil {
		return err
	}
	if len(src)%c.width != 0 {
		return fmt.Errorf("%s: %d bytes are no rows of %d: %w", c.name, len(src), c.width, ErrLength)
	}
	return nil
}
