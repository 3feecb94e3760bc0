package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pack64 copies rows of float64 that are as wide as a tile of so many
// registers, or of float32 to be widened, into a panel. Few instructions a row
// let the processor wait for many rows at once, which lie far apart.
func pack64(m machine, name string, width int, widen bool) {
	element, size := "float64", 8
	if widen {
		element, size = "float32", 4
	}
	TEXT(name, NOSPLIT, "func(dst *float64, src *"+element+", ld, steps int)")
	Pragma("noescape")
	Doc(name + " copies rows of " + element + " to a panel; ld is in bytes.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ld, steps := Load(Param("ld"), GP64()), Load(Param("steps"), GP64())
	Label("loop")
	row := make([]reg.VecVirtual, width)
	for part := range row {
		row[part] = m.reg()
		from := Mem{Base: src, Disp: part * m.bytes() / 8 * size}
		if widen {
			VCVTPS2PD(from, row[part])
		} else {
			VMOVUPD(from, row[part])
		}
	}
	for part, v := range row {
		VMOVUPD(v, Mem{Base: dst, Disp: part * m.bytes()})
	}
	ADDQ(ld, src)
	ADDQ(I32(width*m.bytes()), dst)
	DECQ(steps)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
