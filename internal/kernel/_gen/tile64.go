package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile64Rows is the height of the register tile of float64 sums, which is one
// to three registers wide: as many rows as a register has elements, so that
// there is room for three of B and one element of A, and a panel of B serves as
// one of A too.
func tile64Rows(m machine) int { return m.bytes() / 8 }

const tile64Widths = 3

// tile64 adds a number of steps to a tile of float64, width registers wide:
// c[i][j] += Σ a[i][step]·b[step][j].
func tile64(m machine, name string, width int) {
	TEXT(name, NOSPLIT, "func(c *float64, ldc int, a *float64, lda, step int, b *float64, steps int)")
	Pragma("noescape")
	Doc(name + " adds steps of a times b to a tile of C; strides are in bytes.")
	rows := tile64Rows(m)
	ldc, lda := Load(Param("ldc"), GP64()), Load(Param("lda"), GP64())
	ldc3, lda3 := times3(ldc), times3(lda)
	c := everyFourthRow(Load(Param("c"), GP64()), ldc, rows/4+1)
	a := everyFourthRow(Load(Param("a"), GP64()), lda, rows/4)
	b, steps := Load(Param("b"), GP64()), Load(Param("steps"), GP64())
	aStep := Load(Param("step"), GP64())
	at := func(i, part int) Mem { return element(c[i/4], ldc, ldc3, i%4, part*m.bytes()) }
	sums := make([][]reg.VecVirtual, rows)
	for i := range sums {
		for part := range width {
			v := m.reg()
			VMOVUPD(at(i, part), v)
			sums[i] = append(sums[i], v)
		}
	}
	step := func() {
		right := make([]reg.VecVirtual, width)
		for part := range right {
			right[part] = m.reg()
			VMOVUPD(Mem{Base: b, Disp: part * m.bytes()}, right[part])
		}
		for i := range rows {
			left := m.reg()
			VBROADCASTSD(element(a[i/4], lda, lda3, i%4, 0), left)
			for part := range right {
				VFMADD231PD(left, right[part], sums[i][part])
			}
		}
		for _, r := range a {
			ADDQ(aStep, r)
		}
		ADDQ(I32(width*m.bytes()), b)
		DECQ(steps)
	}
	// The tile below is often the next: a row of it is asked for in each of the
	// first steps.
	below, left := c[rows/4], GP64()
	MOVQ(U32(uint32(rows)), left)
	Label("first")
	for off := 0; off < width*m.bytes(); off += 64 {
		PREFETCHT0(Mem{Base: below, Disp: off})
	}
	ADDQ(ldc, below)
	step()
	JZ(LabelRef("store"))
	DECQ(left)
	JNZ(LabelRef("first"))
	Label("loop")
	step()
	JNZ(LabelRef("loop"))
	Label("store")
	for i := range sums {
		for part := range width {
			VMOVUPD(sums[i][part], at(i, part))
		}
	}
	VZEROUPPER()
	RET()
}

// everyFourthRow returns pointers to rows 0, 4, 8 …, count of them.
func everyFourthRow(first, ld reg.Register, count int) []reg.Register {
	rows := []reg.Register{first}
	for len(rows) < count {
		next := GP64()
		LEAQ(Mem{Base: rows[len(rows)-1], Index: ld, Scale: 4}, next)
		rows = append(rows, next)
	}
	return rows
}
