package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Yardsticks: routines that do nothing but multiply and add in registers, which hold zeros.

// peaks generates all of them.
func peaks() {
	ConstraintExpr("!noasm")
	wide, narrow := machine{level: "avx512", zmm: true}, machine{level: "avx2"}
	for _, m := range []machine{narrow, wide} {
		name := "peakFMA" + m.suffix()
		peak(m, name, "fused multiply-adds", 12, func(a, b, sum reg.VecVirtual) { VFMADD231PS(a, b, sum) })
	}
	peak(narrow, "peakMADDAVX2", "VPMADDUBSW, VPMADDWD and VPADDD", 8, func(a, b, sum reg.VecVirtual) {
		product := YMM()
		VPMADDUBSW(a, b, product)
		VPMADDWD(a, product, product)
		VPADDD(product, sum, sum)
	})
	peak(wide, "peakVPDPBUSD", "VPDPBUSD", 12, func(a, b, sum reg.VecVirtual) { VPDPBUSD(a, b, sum) })
}

// peak generates a routine that adds to so many sums a round.
func peak(m machine, name, what string, sums int, add func(a, b, sum reg.VecVirtual)) {
	TEXT(name, NOSPLIT, "func(rounds int)")
	Pragma("noescape")
	Doc(name + " does rounds of " + what + ".")
	rounds := Load(Param("rounds"), GP64())
	a, b := m.reg(), m.reg()
	zero(m, a)
	zero(m, b)
	list := make([]reg.VecVirtual, sums)
	for i := range list {
		list[i] = m.reg()
		zero(m, list[i])
	}
	loop := label("loop")
	Label(loop)
	for _, sum := range list {
		add(a, b, sum)
	}
	SUBQ(U8(1), rounds)
	JNZ(LabelRef(loop))
	VZEROUPPER()
	RET()
}
