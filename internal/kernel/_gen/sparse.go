package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sparseRows emits the loop over the entries of rows start[0]..start[rows]. For
// each row that has some, begin, then entry for each one, then end.
func sparseRows(begin func(), entry func(column, delta Mem), end, next func()) {
	start := Load(Param("start"), GP64())
	col, delta := Load(Param("col"), GP64()), Load(Param("delta"), GP64())
	count := GP64()
	Load(Param("rows"), count)
	i := GP64()
	MOVL(Mem{Base: start}, i.As32())
	Label("rows")
	last := GP64()
	MOVL(Mem{Base: start, Disp: 4}, last.As32())
	CMPQ(i, last)
	JEQ(LabelRef("empty"))
	begin()
	Label("entries")
	entry(Mem{Base: col, Index: i, Scale: 4}, Mem{Base: delta, Index: i, Scale: 4})
	INCQ(i)
	CMPQ(i, last)
	JNE(LabelRef("entries"))
	end()
	Label("empty")
	ADDQ(U8(4), start)
	next()
	DECQ(count)
	JNZ(LabelRef("rows"))
	RET()
}

// sparseDot adds the sums of sparse rows to y, for batch vectors.
func sparseDot(name string, batch int) {
	TEXT(name, NOSPLIT, "func(y *float32, ldy int, x *float32, ldx int, start, col *uint32, delta *float32, rows int)")
	Pragma("noescape")
	Doc(name + " adds the products of sparse rows with vectors of x to y; strides are in bytes.")
	y, ldy := Load(Param("y"), GP64()), Load(Param("ldy"), GP64())
	x, ldx := Load(Param("x"), GP64()), Load(Param("ldx"), GP64())
	vectors := []reg.Register{x}
	for b := 1; b < batch; b++ {
		v := GP64()
		LEAQ(Mem{Base: vectors[b-1], Index: ldx, Scale: 1}, v)
		vectors = append(vectors, v)
	}
	z := make([]reg.VecVirtual, batch)
	for b := range z {
		z[b] = XMM()
	}
	sparseRows(func() {
		for b := range z {
			VXORPS(z[b], z[b], z[b])
		}
	}, func(column, delta Mem) {
		c, d := GP64(), XMM()
		MOVL(column, c.As32())
		VMOVSS(delta, d)
		for b := range z {
			VFMADD231SS(Mem{Base: vectors[b], Index: c, Scale: 4}, d, z[b])
		}
	}, func() {
		out := GP64()
		MOVQ(y, out)
		for b := range z {
			VADDSS(Mem{Base: out}, z[b], z[b])
			storeNumber(z[b], Mem{Base: out})
			if b < batch-1 {
				ADDQ(ldy, out)
			}
		}
	}, func() { ADDQ(U8(4), y) })
}

// sparseAccumulate adds sparse rows, scaled by the elements of x, to z.
func sparseAccumulate(name string) {
	TEXT(name, NOSPLIT, "func(z, x *float32, start, col *uint32, delta *float32, rows int)")
	Pragma("noescape")
	Doc(name + " adds x times sparse rows to z.")
	z, x := Load(Param("z"), GP64()), Load(Param("x"), GP64())
	scale := XMM()
	sparseRows(func() { VMOVSS(Mem{Base: x}, scale) }, func(column, delta Mem) {
		c, v := GP64(), XMM()
		MOVL(column, c.As32())
		at := Mem{Base: z, Index: c, Scale: 4}
		VMOVSS(at, v)
		VFMADD231SS(delta, scale, v)
		VMOVSS(v, at)
	}, func() {}, func() { ADDQ(U8(4), x) })
}
