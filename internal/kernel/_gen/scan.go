package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scanStep takes all rows of a panel of columns once, with a delta net's panel: each is what is kept of it and what the key adds, and is
// added to what the query reads. Products and sums are rounded one by one, so there is no fused instruction.
func scanStep(m machine, name string) {
	TEXT(name, NOSPLIT, "func(state *float32, ld int, query, key *float32, keys int, value, out *float32, columns int, keep, take float32)")
	Pragma("noescape")
	Doc(name + " is ScanStep of columns, a positive multiple of the unit, with at least one key; ld is in bytes.")
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

	panel := label("panel")
	Label(panel)
	for part := range deltaPanel {
		zero(m, sums[part])
		VMOVUPS(at(value, part), values[part])
	}
	MOVQ(state, row)
	XORQ(i, i)
	rows := label("rows")
	Label(rows)
	k, q := m.reg(), m.reg()
	VBROADCASTSS(Mem{Base: key, Index: i, Scale: 4}, k)
	VMULPS(take, k, k)
	VBROADCASTSS(Mem{Base: query, Index: i, Scale: 4}, q)
	for part := range deltaPanel {
		kept, added := m.reg(), m.reg()
		VMULPS(at(row, part), keep, kept)
		VMULPS(values[part], k, added)
		VADDPS(added, kept, kept)
		VMOVUPS(kept, at(row, part))
		VMULPS(kept, q, kept)
		VADDPS(kept, sums[part], sums[part])
	}
	ADDQ(ld, row)
	INCQ(i)
	CMPQ(i, keys)
	JNE(LabelRef(rows))
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
