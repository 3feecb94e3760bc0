package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Where package kernel's Rounding has its fields, in bytes, and sizes of it.
const (
	roundColumns = 8
	roundRows    = 16
	roundInverse = 8 * roundColumns * roundColumns
	roundStored  = roundInverse + 8*roundColumns
	roundLimit   = roundStored + 8*roundColumns
	roundSums    = roundLimit + 8*roundColumns
	roundScratch = roundSums + 4*8*roundColumns
)

// turn64 turns as many registers of float64 as each has elements.
func turn64(m machine, v []reg.VecVirtual) []reg.VecVirtual {
	each := func(op func(b, a, to Op), a, b reg.VecVirtual) reg.VecVirtual {
		to := m.reg()
		op(b, a, to)
		return to
	}
	low := func(b, a, to Op) { VUNPCKLPD(b, a, to) }
	high := func(b, a, to Op) { VUNPCKHPD(b, a, to) }
	turned := make([]reg.VecVirtual, len(v))
	if !m.zmm {
		half := func(order uint8) func(b, a, to Op) { return func(b, a, to Op) { VPERM2F128(U8(order), b, a, to) } }
		for odd, unpack := range []func(b, a, to Op){low, high} {
			first, second := each(unpack, v[0], v[1]), each(unpack, v[2], v[3])
			turned[odd], turned[odd+2] = each(half(0x20), first, second), each(half(0x31), first, second)
		}
		return turned
	}
	quarters := func(order uint8) func(b, a, to Op) { return func(b, a, to Op) { VSHUFF64X2(U8(order), b, a, to) } }
	even, odd := quarters(0x88), quarters(0xdd) // of both
	for parity, unpack := range []func(b, a, to Op){low, high} {
		var pairs [4]reg.VecVirtual
		for i := range pairs {
			pairs[i] = each(unpack, v[2*i], v[2*i+1])
		}
		for i, part := range []func(b, a, to Op){even, odd} {
			first, second := each(part, pairs[0], pairs[1]), each(part, pairs[2], pairs[3])
			turned[2*i+parity], turned[2*i+parity+4] = each(even, first, second), each(odd, first, second)
		}
	}
	return turned
}

// round64 rounds roundRows rows at a time. Their columns are brought to scratch memory, rows side by side, since rows have
// nothing to do with each other and a column waits for those behind it. Then all goes back to rows: the sums
// are over rows in order, columns side by side.
func round64(m machine, name string) {
	TEXT(name, NOSPLIT, "func(c, y *float64, ldy int, w *float32, ldw int, lost *float64, ldl int, codes *byte, ldc int, integers *int32, outside *byte, rows int)")
	Pragma("noescape")
	Doc(name + " is Round64 of rows, a positive multiple of 16, with 8 columns; strides are in bytes.")
	load := func(name string) reg.Register { return Load(Param(name), GP64()) }
	g := load("c")
	y, w, ldw, lost, codes := load("y"), load("w"), load("ldw"), load("lost"), load("codes")
	ldy, ldl, ldc := parameter(Param("ldy")), parameter(Param("ldl")), parameter(Param("ldc"))
	integers, outside, rows := load("integers"), load("outside"), load("rows")
	r := &rounder{m: m, g: g}

	Label("rows")
	r.turnIn(y, ldy, 0, func(at Mem, v reg.VecVirtual) { VMOVUPD(at, v) }, 8)
	from := GP64()
	MOVQ(w, from)
	r.turnIn(from, ldw, 1, func(at Mem, v reg.VecVirtual) { VCVTPS2PD(at, v) }, 4)
	for k := roundColumns - 1; k >= 0; k-- {
		r.column(k)
	}
	r.turnOut(0, 1) // y to where w was
	r.turnOut(2, 0) // z to where y was
	parts := 64 / m.bytes()
	sums := make([][]reg.VecVirtual, 4)
	for i := range sums {
		for part := range parts {
			v := m.reg()
			VMOVUPD(r.field(roundSums+64*i, part), v)
			sums[i] = append(sums[i], v)
		}
	}
	at, left := GP64(), GP64()
	LEAQ(Mem{Base: g, Disp: roundScratch}, at)
	MOVQ(U32(roundRows), left)
	Label("row")
	bits := GP32()
	for part := range parts {
		v, z, u, d := m.reg(), m.reg(), m.reg(), m.reg()
		VMOVUPD(Mem{Base: at, Disp: part*m.bytes() + roundArea}, v)
		VMOVUPD(Mem{Base: at, Disp: part * m.bytes()}, z)
		VMULPD(r.field(roundInverse, part), v, u)
		VMULPD(z, u, u)
		VADDPD(u, sums[1][part], sums[1][part])
		VMULPD(r.field(roundStored, part), z, u)
		VCVTPS2PD(Mem{Base: w, Disp: part * m.bytes() / 2}, d)
		VSUBPD(u, d, d)
		VMOVUPD(d, Mem{Base: lost, Disp: part * m.bytes()})
		VMULPD(d, d, d)
		VADDPD(d, sums[3][part], sums[3][part])
		VSUBPD(u, v, v)
		VMULPD(v, v, v)
		VADDPD(v, sums[2][part], sums[2][part])
		VMULPD(z, z, u)
		VADDPD(u, sums[0][part], sums[0][part])
		if m.zmm {
			roundCodes512(m, z, integers, codes, bits)
		} else {
			roundCodes256(m, z, integers, codes, bits, part)
		}
	}
	MOVB(bits.As8(), Mem{Base: outside})
	ADDQ(I8(64), at)
	ADDQ(ldw, w)
	ADDQ(ldl, lost)
	ADDQ(ldc, codes)
	ADDQ(I8(4*roundColumns), integers)
	INCQ(outside)
	DECQ(left)
	JNZ(LabelRef("row"))
	for i := range sums {
		for part, v := range sums[i] {
			VMOVUPD(v, r.field(roundSums+64*i, part))
		}
	}
	SUBQ(I8(roundRows), rows)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// roundArea is the size of one of the three parts of the scratch memory: [column][row] or [row][column].
const roundArea = 8 * roundColumns * roundRows

// rounder emits the parts of round64.
type rounder struct {
	m machine
	g reg.Register
}

// field is a register full of a field.
func (r *rounder) field(off, part int) Mem { return Mem{Base: r.g, Disp: off + part*r.m.bytes()} }

// slot is a register full of an area, as [column][row].
func (r *rounder) slot(area, column, part int) Mem {
	return r.field(roundScratch+area*roundArea+8*roundRows*column, part)
}

// turnIn brings rows of elements of so many bytes, at which base goes forward, to an area as columns.
func (r *rounder) turnIn(base reg.Register, ld Op, area int, load func(at Mem, v reg.VecVirtual), size int) {
	lanes := r.m.bytes() / 8
	for tile := range roundRows / lanes {
		parts := make([][]reg.VecVirtual, roundColumns/lanes)
		for range lanes {
			for p := range parts {
				v := r.m.reg()
				load(Mem{Base: base, Disp: p * lanes * size}, v)
				parts[p] = append(parts[p], v)
			}
			ADDQ(ld, base)
		}
		for p, rows := range parts {
			for i, v := range turn64(r.m, rows) {
				VMOVUPD(v, r.slot(area, p*lanes+i, tile))
			}
		}
	}
}

// turnOut brings an area's columns to another as rows.
func (r *rounder) turnOut(from, to int) {
	lanes := r.m.bytes() / 8
	for tile := range roundRows / lanes {
		for p := range roundColumns / lanes {
			columns := make([]reg.VecVirtual, lanes)
			for i := range columns {
				columns[i] = r.m.reg()
				VMOVUPD(r.slot(from, p*lanes+i, tile), columns[i])
			}
			for i, v := range turn64(r.m, columns) {
				VMOVUPD(v, r.field(roundScratch+to*roundArea+64*(tile*lanes+i), p))
			}
		}
	}
}

// column rounds column k of all rows: y in area 0 gets what later columns have lost, z goes to area 2, and what is lost takes
// the place of w in area 1.
func (r *rounder) column(k int) {
	m := r.m
	tiles := roundRows * 8 / m.bytes()
	each := func(f func(tile int)) {
		for tile := range tiles {
			f(tile)
		}
	}
	registers := func() []reg.VecVirtual {
		list := make([]reg.VecVirtual, tiles)
		each(func(tile int) { list[tile] = m.reg() })
		return list
	}
	number := func(off int) reg.VecVirtual { // of the column, in all lanes
		v := m.reg()
		VBROADCASTSD(Mem{Base: r.g, Disp: off + 8*k}, v)
		return v
	}
	v := registers()
	each(func(tile int) { VMOVUPD(r.slot(0, k, tile), v[tile]) })
	for i := k + 1; i < roundColumns; i++ {
		below := m.reg()
		VBROADCASTSD(Mem{Base: r.g, Disp: 8 * (roundColumns*k + i)}, below)
		each(func(tile int) { VFMADD231PD(r.slot(1, i, tile), below, v[tile]) })
	}
	if k < roundColumns-1 {
		each(func(tile int) { VMOVUPD(v[tile], r.slot(0, k, tile)) })
	}
	inverse := number(roundInverse)
	each(func(tile int) {
		VMULPD(inverse, v[tile], v[tile])
		if m.zmm {
			VRNDSCALEPD(U8(8), v[tile], v[tile]) // to nearest even
		} else {
			VROUNDPD(U8(8), v[tile], v[tile])
		}
	})
	limit := number(roundLimit)
	each(func(tile int) {
		z, size, end := v[tile], m.reg(), m.reg()
		and64.bits(m, signBit-1, z, size)
		and64.bits(m, signBit, z, end)
		VORPD(limit, end, end)
		const notLessOrEqual = 0x16
		if m.zmm {
			beyond := K()
			VCMPPD(U8(notLessOrEqual), limit, size, beyond)
			VMOVAPD(end, beyond, z)
		} else {
			VCMPPD(U8(notLessOrEqual), limit, size, size)
			VBLENDVPD(size, end, z, z)
		}
		VMOVUPD(z, r.slot(2, k, tile))
	})
	if k == 0 {
		return
	}
	stored := number(roundStored)
	each(func(tile int) {
		d := m.reg()
		VMULPD(stored, v[tile], v[tile])
		VMOVUPD(r.slot(1, k, tile), d)
		VSUBPD(v[tile], d, d)
		VMOVUPD(d, r.slot(1, k, tile))
	})
}

// eight is a value in eight 32-bit places.
func eight(m machine, name string, value uint32) Mem {
	return constant(m, name, func() {
		for i := range 8 {
			DATA(4*i, U32(value))
		}
	})
}

// roundCodes512 writes a row's integers z, and their codes; bits are set where there is none.
func roundCodes512(m machine, z reg.VecVirtual, integers, codes reg.Register, bits reg.GPVirtual) {
	i, zero, outside := YMM(), YMM(), K()
	VCVTPD2DQ(z, i)
	VMOVDQU32(i, Mem{Base: integers})
	VMOVDQU32(eight(m, "code128", 128), zero)
	VPADDD(zero, i, i)
	VPCMPUD(U8(6), eight(m, "code255", 255), i, outside) // above
	VMOVDQA32(zero, outside, i)
	VPMOVDB(i, Mem{Base: codes})
	KMOVB(outside, bits)
}

// roundCodes256 does so for the four columns of a part.
func roundCodes256(m machine, z reg.VecVirtual, integers, codes reg.Register, bits reg.GPVirtual, part int) {
	i, zero, inside, none := XMM(), XMM(), XMM(), XMM()
	VCVTPD2DQY(z, i)
	VMOVDQU(i, Mem{Base: integers, Disp: 16 * part})
	VMOVDQU(eight(m, "code128", 128), zero)
	VPADDD(zero, i, i)
	VPSRLD(U8(8), i, inside)
	VPXOR(none, none, none)
	VPCMPEQD(none, inside, inside)
	VPBLENDVB(inside, i, zero, i)
	VPSHUFB(bytesConstant(m, "lowBytes", []byte{0, 4, 8, 12, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128}), i, i)
	VMOVD(i, Mem{Base: codes, Disp: 4 * part})
	if part == 0 {
		VMOVMSKPS(inside, bits)
		return
	}
	high := GP32()
	VMOVMSKPS(inside, high)
	SHLL(U8(4), high)
	ORL(high, bits)
	XORL(U32(0xff), bits)
}
