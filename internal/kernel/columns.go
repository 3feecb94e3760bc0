package kernel

import (
	"math"
	"unsafe"
)

// Columns are the columns of a lattice matrix in the order of its codes, each with its step. Both take half of their
// bytes where nothing is lost by it: places where there are at most 65,536 columns, steps where they are bfloat16.
// Immutable, safe for concurrent use.
type Columns struct {
	n       int
	place16 []uint16 // or
	place32 []uint32
	step16  []uint16 // bits of bfloat16, or
	step32  []float32
}

// NewColumns returns the columns of a matrix: order[i] is the column that stands at place i, steps[i] its step. Both are
// copied. It panics unless they are as long and all of order is there.
func NewColumns(order []uint32, steps []float32) *Columns {
	if len(order) != len(steps) || len(order) > math.MaxInt32 {
		panicf("NewColumns: %d steps for %d columns", len(steps), len(order))
	}
	c := &Columns{n: len(order)}
	for i, column := range order {
		if column >= uint32(len(order)) {
			panicf("NewColumns: column %d of %d at place %d", column, len(order), i)
		}
	}
	if len(order) <= math.MaxUint16+1 {
		c.place16 = make([]uint16, len(order))
		for i, column := range order {
			c.place16[i] = uint16(column)
		}
	} else {
		c.place32 = append(c.place32, order...)
	}
	for _, s := range steps {
		if math.Float32bits(s)&0xFFFF != 0 {
			c.step32 = append(c.step32, steps...)
			return c
		}
	}
	c.step16 = make([]uint16, len(steps))
	for i, s := range steps {
		c.step16[i] = uint16(math.Float32bits(s) >> 16)
	}
	return c
}

// Len returns the number of columns.
func (c *Columns) Len() int { return c.n }

// Place returns the column that stands at place i.
func (c *Columns) Place(i int) int {
	if c.place16 != nil {
		return int(c.place16[i])
	}
	return int(c.place32[i])
}

// Step returns the step of the column at place i.
func (c *Columns) Step(i int) float32 {
	if c.step16 != nil {
		return math.Float32frombits(uint32(c.step16[i]) << 16)
	}
	return c.step32[i]
}

// places and steps return where those from place i on are, and in which of the two forms.
func (c *Columns) places(i int) (first *byte, half int) {
	if c.place16 != nil {
		return (*byte)(unsafe.Pointer(&c.place16[i])), 1
	}
	return (*byte)(unsafe.Pointer(&c.place32[i])), 0
}

func (c *Columns) steps(i int) (first *byte, half int) {
	if c.step16 != nil {
		return (*byte)(unsafe.Pointer(&c.step16[i])), 1
	}
	return (*byte)(unsafe.Pointer(&c.step32[i])), 0
}
