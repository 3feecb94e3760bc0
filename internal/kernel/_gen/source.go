package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets in kernel.Table.
const (
	tableValues = 0    // [256]float32
	tablePlanes = 1024 // [4][256]byte, plane 0 the lowest byte
	tableWords  = 2048 // [2][256]uint16, low halves first
	tableChain  = 3072 // [4][64]byte, planes as differences
)

// at returns the memory off bytes into the group at hand of a row.
type at func(off int) Mem

// use takes one register of weights; step counts the four of a part. In lane
// order they are multiplied and added in this order. In column order, register
// 4·part + step holds the columns from that many register widths on.
type use func(step int, w reg.VecVirtual)

// tail says how many columns of a group are there (1..63).
type tail struct {
	count reg.Register // in every 32-bit element
	mask  reg.Register // with 512-bit registers: one bit per column
}

// source produces the weights of one group of 64 columns.
type source interface {
	name() string
	tables() int // registers that stay taken, for planning
	// setup loads what stays in registers; columns asks for column order.
	setup(table reg.Register, columns bool)
	// strip is how many rows lie interleaved in one unit of memory: 1 or 4.
	strip() int
	// advance is how many bytes of a row (or strip) a group takes.
	advance() int
	// element is how many bytes of memory a column takes, 0 if rows are padded
	// to whole groups.
	element() int
	// group emits the loading of one part (a register's share of the 16 lanes,
	// or of the 64 columns) of row r; mem addresses the row, or the strip.
	// With a tail, columns past the end are not read; what they come out as is
	// not said. With 256-bit registers the caller sees to it (row.go).
	group(r, part int, mem at, t *tail, u use)
}

func newSource(m machine, form string) source {
	f32 := map[string]bool{"formBytesF32": true, "formPacked6F32": true, "formPacked4F32": true}[form]
	switch form {
	case "formDenseF32":
		return &denseF32{m: m}
	case "formDenseBF16":
		return &denseBF16{m: m}
	case "formPacked4BF16", "formPacked4F32":
		return &coded{m: m, from: &packed4{m: m}, by: newShuffle16(m, f32)}
	case "formPacked6BF16", "formPacked6F32":
		return &coded{m: m, from: &packed6{m: m}, by: newLookup(m, f32, 64)}
	default:
		if !m.zmm {
			return &scalar{m: m}
		}
		return &coded{m: m, from: &plain{m: m}, by: newLookup(m, f32, 256)}
	}
}

// coded weights are indices and a lookup.
type coded struct {
	m    machine
	from indices
	by   lookup

	columns      bool
	permB        Op // vbmi: the permutation to column order
	permD, shufB Op // otherwise: its two parts
}

// indices fetches 64 (or with 256-bit registers, 32) index bytes.
type indices interface {
	name() string
	setup()
	strip() int
	advance() int
	element() int
	load(r, part int, mem at, t *tail) reg.VecVirtual
}

// lookup turns a register of index bytes into weights.
type lookup interface {
	name() string
	tables() int
	setup(table reg.Register)
	weights(idx reg.VecVirtual, u use)
}

func (c *coded) name() string { return c.from.name() + c.by.name() }
func (c *coded) tables() int  { return c.by.tables() }
func (c *coded) strip() int   { return c.from.strip() }
func (c *coded) advance() int { return c.from.advance() }
func (c *coded) element() int { return c.from.element() }

func (c *coded) setup(table reg.Register, columns bool) {
	c.columns = columns
	c.from.setup()
	c.by.setup(table)
	if !columns {
		return
	}
	// As everywhere: with 32 registers constants are kept in them, with 16 not.
	keep := func(mem Mem) Op {
		if !c.m.zmm {
			return mem
		}
		v := ZMM()
		VMOVDQU8(mem, v)
		return v
	}
	if c.m.vbmi {
		c.permB = keep(bytesConstant(c.m, "order", orderBytes()))
		return
	}
	d, b := orderSplit(c.m)
	c.permD, c.shufB = keep(bytesConstant(c.m, "orderD", d)), keep(bytesConstant(c.m, "orderB", b))
}

func (c *coded) group(r, part int, mem at, t *tail, u use) {
	idx := c.from.load(r, part, mem, t)
	if c.columns {
		sorted := c.m.reg()
		switch {
		case c.m.vbmi:
			VPERMB(idx, c.permB, sorted)
		case c.m.zmm:
			VPERMD(idx, c.permD, sorted)
			VPSHUFB(c.shufB, sorted, sorted)
		default:
			VMOVDQU(c.permD, sorted)
			VPERMD(idx, sorted, sorted)
			VPSHUFB(c.shufB, sorted, sorted)
		}
		idx = sorted
	}
	c.by.weights(idx, u)
}

// plain indices: one byte per weight.
type plain struct{ m machine }

func (*plain) name() string { return "Bytes" }
func (*plain) setup()       {}
func (*plain) strip() int   { return 1 }
func (*plain) advance() int { return 64 }
func (*plain) element() int { return 1 }

func (p *plain) load(_, part int, mem at, t *tail) reg.VecVirtual {
	idx := p.m.reg()
	switch {
	case !p.m.zmm:
		VMOVDQU(mem(32*part), idx)
	case t != nil:
		VMOVDQU8_Z(mem(0), t.mask, idx)
	default:
		VMOVDQU8(mem(0), idx)
	}
	return idx
}

// packed4 indices: a strip of four rows has two lines of 64 bytes per group;
// the low and high nibbles of a line are one row each.
type packed4 struct {
	m      machine
	nibble Op
}

func (*packed4) name() string { return "Packed4" }
func (*packed4) strip() int   { return 4 }
func (*packed4) advance() int { return 128 }
func (*packed4) element() int { return 0 }

func (p *packed4) setup() {
	p.nibble = constantD(p.m, 0x0F0F0F0F)
}

func (p *packed4) load(r, part int, mem at, _ *tail) reg.VecVirtual {
	idx := p.m.reg()
	move(p.m, mem(64*(r/2)+32*part), idx)
	if r%2 == 1 {
		VPSRLW(U8(4), idx, idx)
	}
	and(p.m, p.nibble, idx, idx)
	return idx
}

// packed6 indices: as packed4, with a third line that has the upper two bits
// of all four rows. Where the lookup ignores the bits above, they stay.
type packed6 struct {
	m            machine
	nibble, pair Op
}

func (*packed6) name() string { return "Packed6" }
func (*packed6) strip() int   { return 4 }
func (*packed6) advance() int { return 192 }
func (*packed6) element() int { return 0 }

func (p *packed6) setup() {
	p.nibble = constantD(p.m, 0x0F0F0F0F)
	if !p.m.zmm {
		p.pair = constantD(p.m, 0x30303030)
	}
}

func (p *packed6) load(r, part int, mem at, _ *tail) reg.VecVirtual {
	idx, upper := p.m.reg(), p.m.reg()
	move(p.m, mem(64*(r/2)+32*part), idx)
	move(p.m, mem(128+32*part), upper)
	if r%2 == 1 {
		VPSRLW(U8(4), idx, idx)
	}
	switch r {
	case 0:
		VPSLLW(U8(4), upper, upper)
	case 1:
		VPSLLW(U8(2), upper, upper)
	case 3:
		VPSRLW(U8(2), upper, upper)
	}
	if p.m.zmm {
		VPTERNLOGD(U8(0xE4), p.nibble, upper, idx) // nibble ? idx : upper
		return idx
	}
	VPAND(p.nibble, idx, idx)
	VPAND(p.pair, upper, upper)
	VPOR(upper, idx, idx)
	return idx
}
