package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panelWidth is the number of vectors of a register tile, as in package kernel.
const panelWidth = 6

// gemm multiplies four decoded rows by a panel of batch vectors:
// sums[row][vector][lane] += Σ w[step][row][lane]·x[step][vector][lane].
func gemm(m machine, name string, batch int) {
	TEXT(name, NOSPLIT, "func(sums, x, w *float32, steps int)")
	Pragma("noescape")
	Doc(name + " adds a number of steps to the 16 lanes of 4 rows times a panel of vectors.")
	// With 512-bit registers 24 sums fit; otherwise two rows and half of the
	// lanes go at a time.
	together := 4
	if !m.zmm {
		together = 2
	}
	for first := 0; first < 4; first += together {
		for part := range m.parts() {
			sums := Load(Param("sums"), GP64())
			x, w := Load(Param("x"), GP64()), Load(Param("w"), GP64())
			steps := GP64()
			Load(Param("steps"), steps)
			at := func(i, b int) Mem { return Mem{Base: sums, Disp: ((first+i)*batch+b)*64 + part*32} }
			acc := make([][]reg.VecVirtual, together)
			for i := range acc {
				for b := range batch {
					v := m.reg()
					VMOVUPS(at(i, b), v)
					acc[i] = append(acc[i], v)
				}
			}
			loop := label("loop")
			Label(loop)
			weights := make([]reg.VecVirtual, together)
			for i := range weights {
				weights[i] = m.reg()
				VMOVUPS(Mem{Base: w, Disp: (first+i)*64 + part*32}, weights[i])
			}
			for b := range batch {
				v := m.reg()
				VMOVUPS(Mem{Base: x, Disp: b*64 + part*32}, v)
				for i := range weights {
					VFMADD231PS(v, weights[i], acc[i][b])
				}
			}
			ADDQ(I32(256), w)
			ADDQ(I32(64*batch), x)
			DECQ(steps)
			JNZ(LabelRef(loop))
			for i := range acc {
				for b := range batch {
					VMOVUPS(acc[i][b], at(i, b))
				}
			}
		}
	}
	VZEROUPPER()
	RET()
}

// outer adds decoded rows, scaled by the elements of batch vectors, to 64
// columns of y.
func outer(m machine, name string, batch int) {
	TEXT(name, NOSPLIT, "func(y *float32, ldy int, x *float32, ldx int, w *float32, rows int)")
	Pragma("noescape")
	Doc(name + " adds x times decoded rows of 64 columns to y; strides are in bytes.")
	ldy, ldx := Load(Param("ldy"), GP64()), Load(Param("ldx"), GP64())
	ldy3, ldx3 := times3(ldy), times3(ldx)
	piece := 256 // bytes of columns whose sums fit the registers
	if !m.zmm {
		piece = 64
	}
	for first := 0; first < 256; first += piece {
		// Vectors 0..2 and 3..5 have a base each.
		y := [2]reg.Register{Load(Param("y"), GP64()), GP64()}
		x := [2]reg.Register{Load(Param("x"), GP64()), GP64()}
		LEAQ(Mem{Base: y[0], Index: ldy3, Scale: 1}, y[1])
		LEAQ(Mem{Base: x[0], Index: ldx3, Scale: 1}, x[1])
		w, count := Load(Param("w"), GP64()), GP64()
		Load(Param("rows"), count)
		at := func(b, off int) Mem { return element(y[b/3], ldy, nil, b%3, first+off) }
		sums := loadColumns(m, batch, piece/m.bytes(), at)
		loop := label("loop")
		Label(loop)
		weights := make([]reg.VecVirtual, piece/m.bytes())
		for i := range weights {
			weights[i] = m.reg()
			VMOVUPS(Mem{Base: w, Disp: first + i*m.bytes()}, weights[i])
		}
		for b := range batch {
			scale := m.reg()
			VBROADCASTSS(element(x[b/3], ldx, nil, b%3, 0), scale)
			for i := range weights {
				VFMADD231PS(scale, weights[i], sums[b][i])
			}
		}
		ADDQ(I32(256), w)
		ADDQ(U8(4), x[0])
		ADDQ(U8(4), x[1])
		DECQ(count)
		JNZ(LabelRef(loop))
		storeColumns(m, sums, at)
	}
	VZEROUPPER()
	RET()
}

// reduceLanes turns count sums of 16 lanes into numbers.
func reduceLanes(m machine, name string) {
	TEXT(name, NOSPLIT, "func(dst, sums *float32, count int)")
	Pragma("noescape")
	Doc(name + " adds the 16 lanes of each of count sums.")
	dst, sums := Load(Param("dst"), GP64()), Load(Param("sums"), GP64())
	count := GP64()
	Load(Param("count"), count)
	Label("loop")
	v := m.reg()
	VMOVUPS(Mem{Base: sums, Disp: 32 * (m.parts() - 1)}, v) // the upper lanes
	storeSum(m, v, Mem{Base: sums}, Mem{Base: dst})
	ADDQ(U8(4), dst)
	ADDQ(U8(64), sums)
	DECQ(count)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
