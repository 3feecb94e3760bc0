package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// decodeLanes writes four rows out as float32 for gemm: [group][step][row][lane].
func decodeLanes(m machine, s source, name string) {
	TEXT(name, NOSPLIT, "func(dst *float32, w *byte, ldw int, table *byte, n int)")
	Pragma("noescape")
	Doc(name + " decodes four rows of n columns, ldw bytes apart, in lane order: dst[group][step][row][lane].")
	stack := Mem{}
	if !m.zmm && s.element() > 0 {
		stack = AllocLocal(64 * s.element())
	}
	s.setup(Load(Param("table"), GP64()), false)
	dst := Load(Param("dst"), GP64())
	r := strided(s, Load(Param("w"), GP64()), Load(Param("ldw"), GP64()), 4)
	// Tiles are narrow, and rows of index bytes short: what comes next are the four rows below.
	ahead := &rows{s: s, base: GP64(), ld: r.ld, threeTimesLD: r.threeTimesLD}
	below := s.element() == 1
	if below {
		LEAQ(Mem{Base: r.base, Index: r.ld, Scale: 4}, ahead.base)
	}
	store := func(i, part int) use {
		return func(step int, w reg.VecVirtual) {
			VMOVUPS(w, Mem{Base: dst, Disp: (step*4+i)*64 + part*32})
		}
	}
	groups := GP64()
	Load(Param("n"), groups)
	SHRQ(U8(6), groups)
	JZ(LabelRef("tail"))
	Label("loop")
	if below {
		ahead.prefetch(4, 0)
		ahead.next()
	} else {
		r.prefetch(4, prefetchDistance(s))
	}
	for i := range 4 {
		for part := range m.parts() {
			s.group(i, part, r.at(i), nil, store(i, part))
		}
	}
	r.next()
	ADDQ(I32(1024), dst)
	DECQ(groups)
	JNZ(LabelRef("loop"))

	Label("tail")
	columns := columnsLeft()
	JZ(LabelRef("done"))
	t := newTail(m, columns)
	for i := range 4 {
		for part := range m.parts() {
			tailGroup(m, r, i, part, columns, t, stack, store(i, part))
		}
	}
	Label("done")
	VZEROUPPER()
	RET()
}

// decodeColumns writes one group of columns of many rows out as float32, for
// outer: [row][column].
func decodeColumns(m machine, s source, name string) {
	TEXT(name, NOSPLIT, "func(dst *float32, w *byte, ldw int, table *byte, rows int)")
	Pragma("noescape")
	Doc(name + " decodes 64 columns of rows that are ldw bytes apart: dst[row][column].")
	s.setup(Load(Param("table"), GP64()), true)
	dst := Load(Param("dst"), GP64())
	row, ldw := Load(Param("w"), GP64()), Load(Param("ldw"), GP64())
	count := GP64()
	Load(Param("rows"), count)
	r := &rows{s: s, base: row}
	Label("rows")
	r.prefetch(1, prefetchColumns)
	for i := range s.strip() {
		for part := range m.parts() {
			s.group(i, part, r.at(i), nil, func(step int, w reg.VecVirtual) {
				VMOVUPS(w, Mem{Base: dst, Disp: 256*i + (4*part+step)*m.bytes()})
			})
		}
	}
	ADDQ(ldw, row)
	ADDQ(I32(256*s.strip()), dst)
	SUBQ(U8(s.strip()), count)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}
