package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// interleave makes groups of a strip from 16 rows of index bytes: a transposition of 32-bit elements, quads of columns.
// As many rows as a register has elements go at a time, and as many columns as it has bytes.
func interleave(m machine, name string) {
	TEXT(name, NOSPLIT, "func(codes, rows *byte, ld, groups int)")
	Pragma("noescape")
	Doc(name + " makes groups of a strip from 16 rows of index bytes, ld bytes apart.")
	codes, first, ld := Load(Param("codes"), GP64()), Load(Param("rows"), GP64()), Load(Param("ld"), GP64())
	ld3, groups := times3(ld), GP64()
	Load(Param("groups"), groups)
	rows := everyFourthRow(first, ld, stripRows/4)
	elements := m.bytes() / 4
	Label("loop")
	for row := 0; row < stripRows; row += elements {
		for column := 0; column < 4*groupQuads; column += m.bytes() {
			v := make([]reg.VecVirtual, elements)
			for i := range v {
				v[i] = m.reg()
				move(m, element(rows[(row+i)/4], ld, ld3, i%4, column), v[i])
			}
			for i, line := range transpose(m, v) {
				move(m, line, Mem{Base: codes, Disp: lineBytes*(column/4+i) + 4*row})
			}
		}
	}
	for _, r := range rows {
		ADDQ(I32(4*groupQuads), r)
	}
	ADDQ(I32(lineBytes*groupQuads), codes)
	DECQ(groups)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// transpose returns registers with element i of all of v, in their order.
func transpose(m machine, v []reg.VecVirtual) []reg.VecVirtual {
	// Within 128 bits: of four registers' elements 4·part + i, for every part.
	quarters := make([][4]reg.VecVirtual, len(v)/4)
	for i := range quarters {
		a := v[4*i:]
		low01, high01, low23, high23 := m.reg(), m.reg(), m.reg(), m.reg()
		VPUNPCKLDQ(a[1], a[0], low01)
		VPUNPCKHDQ(a[1], a[0], high01)
		VPUNPCKLDQ(a[3], a[2], low23)
		VPUNPCKHDQ(a[3], a[2], high23)
		for j := range quarters[i] {
			quarters[i][j] = m.reg()
		}
		VPUNPCKLQDQ(low23, low01, quarters[i][0])
		VPUNPCKHQDQ(low23, low01, quarters[i][1])
		VPUNPCKLQDQ(high23, high01, quarters[i][2])
		VPUNPCKHQDQ(high23, high01, quarters[i][3])
	}
	// Across them.
	out := make([]reg.VecVirtual, len(v))
	for i := range out {
		out[i] = m.reg()
	}
	for j := range 4 {
		if !m.zmm {
			a, b := quarters[0][j], quarters[1][j]
			VPERM2I128(U8(0x20), b, a, out[j])
			VPERM2I128(U8(0x31), b, a, out[4+j])
			continue
		}
		even01, odd01, even23, odd23 := ZMM(), ZMM(), ZMM(), ZMM()
		VSHUFI32X4(U8(0x88), quarters[1][j], quarters[0][j], even01)
		VSHUFI32X4(U8(0xDD), quarters[1][j], quarters[0][j], odd01)
		VSHUFI32X4(U8(0x88), quarters[3][j], quarters[2][j], even23)
		VSHUFI32X4(U8(0xDD), quarters[3][j], quarters[2][j], odd23)
		VSHUFI32X4(U8(0x88), even23, even01, out[j])
		VSHUFI32X4(U8(0x88), odd23, odd01, out[4+j])
		VSHUFI32X4(U8(0xDD), even23, even01, out[8+j])
		VSHUFI32X4(U8(0xDD), odd23, odd01, out[12+j])
	}
	return out
}
