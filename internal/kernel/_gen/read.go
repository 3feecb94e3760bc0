package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// read is the yardstick of memory speed: it ors together four streams of n
// bytes each, n a multiple of 128.
func read(m machine, name string) {
	TEXT(name, NOSPLIT, "func(p *byte, n int) uint64")
	Pragma("noescape")
	Doc(name + " reads four streams of n bytes each and returns some bits of them.")
	p, n := Load(Param("p"), GP64()), GP64()
	Load(Param("n"), n)
	n3 := times3(n)
	left := GP64()
	MOVQ(n, left)
	or := make([]reg.VecVirtual, 4)
	for i := range or {
		or[i] = m.reg()
		zero(m, or[i])
	}
	Label("loop")
	for i := range or {
		for off := 0; off < 128; off += m.bytes() {
			if m.zmm {
				VPORD(element(p, n, n3, i, off), or[i], or[i])
			} else {
				VPOR(element(p, n, n3, i, off), or[i], or[i])
			}
		}
	}
	ADDQ(I32(128), p)
	SUBQ(I32(128), left)
	JNZ(LabelRef("loop"))
	for i := 1; i < 4; i++ {
		if m.zmm {
			VPORD(or[i], or[0], or[0])
		} else {
			VPOR(or[i], or[0], or[0])
		}
	}
	out := GP64()
	VMOVQ(or[0].AsX(), out)
	Store(out, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
