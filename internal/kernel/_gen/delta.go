package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// deltaPanel is how many registers of columns a step of a delta net takes side by side: a column's sum is a chain, and there must be others to
// work at meanwhile.
const deltaPanel = 4

// deltaUnit is how many columns these are.
func deltaUnit(m machine) int { return deltaPanel * m.bytes() / 4 }

// deltaStep takes all rows of a panel of columns twice: what they answer the key, and, with what has become of value, the query.
// Products and sums are rounded one by one, so there is no fused instruction.
func deltaStep(m machine, name string) {
	TEXT(name, NOSPLIT, "func(state *float32, ld int, query, key *float32, keys int, value, out *float32, columns int, keep, take float32)")
	Pragma("noescape")
	Doc(name + " is DeltaStep of columns, a positive multiple of the unit, with at least one key; ld is in bytes.")
	load := func(name string) reg.Register { return Load(Param(name), GP64()) }
	state, ld, query, key, keys := load("state"), load("ld"), load("query"), load("key"), load("keys")
	value, out, columns := load("value"), load("out"), load("columns")
	keep, take := m.reg(), m.reg()
	VBROADCASTSS(parameter(Param("keep")), keep)
	VBROADCASTSS(parameter(Param("take")), take)
	row, i := GP64(), GP64()
	at := func(base reg.Register, part int) Mem { return Mem{Base: base, Disp: part * m.bytes()} }
	var sums, values [deltaPanel]reg.VecVirtual
	for part := range deltaPanel {
		sums[part], values[part] = m.reg(), m.reg()
	}
	// rows calls body for each row, with what the key has there.
	rows := func(name string, body func(k reg.VecVirtual)) {
		for part := range deltaPanel {
			zero(m, sums[part])
		}
		MOVQ(state, row)
		XORQ(i, i)
		loop := label(name)
		Label(loop)
		k := m.reg()
		VBROADCASTSS(Mem{Base: key, Index: i, Scale: 4}, k)
		body(k)
		ADDQ(ld, row)
		INCQ(i)
		CMPQ(i, keys)
		JNE(LabelRef(loop))
	}

	panel := label("panel")
	Label(panel)
	rows("had", func(k reg.VecVirtual) {
		for part := range deltaPanel {
			s := m.reg()
			VMULPS(at(row, part), keep, s)
			VMOVUPS(s, at(row, part))
			VMULPS(s, k, s)
			VADDPS(s, sums[part], sums[part])
		}
	})
	for part := range deltaPanel {
		VMOVUPS(at(value, part), values[part])
		VSUBPS(sums[part], values[part], values[part])
		VMULPS(take, values[part], values[part])
		VMOVUPS(values[part], at(value, part))
	}
	rows("answer", func(k reg.VecVirtual) {
		q := m.reg()
		VBROADCASTSS(Mem{Base: query, Index: i, Scale: 4}, q)
		for part := range deltaPanel {
			s := m.reg()
			VMULPS(values[part], k, s)
			VADDPS(at(row, part), s, s)
			VMOVUPS(s, at(row, part))
			VMULPS(s, q, s)
			VADDPS(s, sums[part], sums[part])
		}
	})
	for part := range deltaPanel {
		VMOVUPS(sums[part], at(out, part))
	}
	for _, p := range []reg.Register{state, value, out} {
		ADDQ(I32(deltaPanel*m.bytes()), p)
	}
	SUBQ(I32(deltaUnit(m)), columns)
	JNZ(LabelRef(panel))
	VZEROUPPER()
	RET()
}
